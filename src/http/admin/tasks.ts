/** `/admin/tasks`: lists tasks, their runs and their next fire times, and runs one. */

import { isoTime } from "../../lib/iso_time.ts";
import { Hono } from "hono";
import * as z from "zod";
import { errorText } from "../../lib/error_text.ts";
import type { TaskStatus } from "../../automation/scheduler/scheduled_task.ts";
import type { Scheduler } from "../../automation/scheduler/scheduler.ts";
import type { Schedule } from "../../automation/scheduler/task.ts";
import type { RunStore } from "../../store/run_store.ts";
import { parseWith } from "../../lib/schema.ts";
import { listRuns, resultView } from "./runs.ts";

/** Options of {@linkcode taskRoutes}. */
export interface TaskRoutesOptions {
  readonly scheduler: Pick<Scheduler, "list" | "upcoming" | "runNow">;
  readonly runs: Pick<RunStore, "recent">;
}

const nextQuery = z.object({ count: z.coerce.number().int().min(1).max(1000).default(10) });

export function taskRoutes({ scheduler, runs }: TaskRoutesOptions): Hono {
  const app = new Hono();
  app.get("/", (context) => context.json({ tasks: scheduler.list().map(taskView) }));
  app.get("/results", listRuns(runs, "task"));
  app.get("/next", (context) => {
    const query = parseWith(nextQuery, context.req.query());
    if ("problem" in query) return context.json({ error: query.problem }, 400);
    const next = scheduler.upcoming(query.value.count).map(({ name, fireAt }) => ({
      name,
      fire_at: isoTime(fireAt),
    }));
    return context.json({ next });
  });
  app.post("/:name/run", async (context) => {
    const name = context.req.param("name");
    try {
      const result = await scheduler.runNow(name);
      if (!result) return context.json({ error: `There is no task "${name}"` }, 404);
      return context.json({ name, ...resultView(result) });
    } catch (error) {
      return context.json({ error: errorText(error) }, 409);
    }
  });
  return app;
}

/** The JSON of a task. */
export function taskView(
  { task, source, running, lastRunAt, nextRunAt, runCount }: TaskStatus,
) {
  const { name, description, enabled, schedule, action, overlap, missed, timeoutMs } = task;
  return {
    name,
    description,
    enabled,
    type: schedule.type,
    schedule: scheduleText(schedule),
    action: action.type,
    overlap,
    missed,
    timeout: timeoutMs / 1000,
    source,
    running,
    last_run: lastRunAt === undefined ? null : isoTime(lastRunAt),
    next_run: nextRunAt === undefined ? null : isoTime(nextRunAt),
    run_count: runCount,
  };
}

function scheduleText(schedule: Schedule): string {
  switch (schedule.type) {
    case "cron":
      return `${schedule.cron}${schedule.timezone ? ` (${schedule.timezone})` : ""}`;
    case "interval":
      return `every ${schedule.intervalMs / 1000} s`;
    case "one_shot":
      return "runAt" in schedule
        ? `at ${isoTime(schedule.runAt)}`
        : `${schedule.delayMs / 1000} s after it was first seen`;
  }
}
