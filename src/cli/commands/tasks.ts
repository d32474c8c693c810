/** The command `tasks`: lists and runs tasks, and shows their past and coming runs. */

import { join } from "node:path";
import { ScheduledTask } from "../../automation/scheduler/scheduled_task.ts";
import { parseSchedulerFile } from "../../automation/scheduler/file.ts";
import type { Flags } from "../../config/config.ts";
import type { GatewayConfig } from "../../config/gateway_config.ts";
import { taskView } from "../../http/admin/tasks.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { isoTime } from "../../lib/iso_time.ts";
import { readTextFile } from "../../lib/files.ts";
import { type AdminAnswer, AdminClient } from "../client/admin_client.ts";
import { locateGateway } from "../client/location.ts";
import { formatRun, jsonText, printRows, printRuns, table } from "../output.ts";

/** How many fire times `tasks next` shows. */
const shownTimes = 10;

/** Runs `tasks ACTION`. */
export async function tasks(flags: Flags, words: readonly string[]): Promise<number> {
  const [action, name] = words;
  if (action === "run" && name === undefined) throw new ConfigError("Missing: the task's name");
  const json = Boolean(flags.json);
  const admin = new AdminClient(await locateGateway(flags));
  switch (action) {
    case "next":
      return await next(admin, { json });
    case "run": {
      const path = `/tasks/${encodeURIComponent(name!)}/run`;
      const result = await admin.query({ path, body: {} });
      console.log(json ? jsonText(result) : formatRun(result));
      return result.ok ? 0 : 1;
    }
    case "results": {
      const query = name === undefined ? "" : `?name=${encodeURIComponent(name)}`;
      const { results } = await admin.queryGatewayOrStore({ path: `/tasks/results${query}` });
      return printRuns(results as readonly AdminAnswer[], { kind: "task", json });
    }
    default:
      return await list(admin, { json });
  }
}

async function list(
  admin: AdminClient,
  { json }: { readonly json: boolean },
): Promise<number> {
  const answer = await admin.queryOr({ path: "/tasks" }, async (config) => {
    const found = await readTasks(config);
    return { tasks: found.map((task) => taskView(task.status(Date.now()))) };
  });
  return printRows(answer.tasks as readonly AdminAnswer[], {
    json,
    empty: "There are no tasks.",
    head: ["NAME", "SCHEDULE", "STATE", "RUNS", "LAST RUN", "NEXT RUN", "DESCRIPTION"],
    cells: (task) => [
      task.name,
      task.schedule,
      task.enabled ? task.running ? "running" : "on" : "off",
      task.run_count,
      task.last_run ?? "-",
      task.next_run ?? "-",
      task.description,
    ],
  });
}

async function next(
  admin: AdminClient,
  { json }: { readonly json: boolean },
): Promise<number> {
  const answer = await admin.queryOr(
    { path: `/tasks/next?count=${shownTimes}` },
    async (config) => {
      const found = await readTasks(config);
      const times = found.flatMap((task) => task.upcoming(Date.now(), shownTimes))
        .sort((a, b) => a.fireAt - b.fireAt).slice(0, shownTimes);
      return { next: times.map(({ name, fireAt }) => ({ name, fire_at: isoTime(fireAt) })) };
    },
  );
  const times = answer.next as readonly { readonly name: string; readonly fire_at: string }[];
  if (json) console.log(jsonText(times));
  else if (times.length === 0) console.log("No task is due.");
  else console.log(table(times.map(({ name, fire_at }) => [fire_at, localTime(fire_at), name])));
  return 0;
}

/** The tasks of the file, as a gateway that sees them for the first time now. */
async function readTasks({ schedulerDir }: GatewayConfig): Promise<readonly ScheduledTask[]> {
  const path = join(schedulerDir, "scheduler.yaml");
  const text = await readTextFile(path);
  const found = text === undefined ? [] : await parseSchedulerFile(text, path);
  return found.map((task) =>
    new ScheduledTask({
      task,
      source: path,
      state: { ...ScheduledTask.keyOf(task), anchorAt: Date.now(), runCount: 0 },
      queue: { run: () => Promise.resolve(undefined), onSkip: () => {} },
    })
  );
}

function localTime(iso: string): string {
  return new Date(iso).toLocaleString("sv-SE", { timeZoneName: "short" });
}
