/** Tells of runs, in the log and as events: that one begins, how it ended, that a crash cut it off. */

import type { EventBus } from "../../domain/events.ts";
import { isoTime } from "../../lib/iso_time.ts";
import { logger } from "../../logging/log.ts";
import type { Run, RunResult } from "../../store/run_store.ts";
import type { Task } from "./task.ts";

const log = logger("automation", "scheduler");

/** Characters of what a failed command printed that the log shows. */
const maxShownChars = 500;

export class TaskReports {
  readonly #events: EventBus;

  constructor(events: EventBus) {
    this.#events = events;
  }

  begun(task: Task, fireAt: number | undefined): void {
    this.#events.emit("scheduler:task_run", taskOrigin(task, fireAt));
  }

  ended(task: Task, fireAt: number | undefined, { error, durationMs, output }: RunResult): void {
    if (error === undefined) {
      log.info("Task {task} ran in {ms} ms", { task: task.name, ms: durationMs });
      return;
    }
    log.warn("Task {task} failed: {error}{output}", {
      task: task.name,
      error,
      output: output && `; it printed:\n${output.slice(-maxShownChars).trimEnd()}`,
    });
    const failed = { ...taskOrigin(task, fireAt), duration_ms: durationMs, error };
    this.#events.emit("scheduler:task_error", failed);
  }

  /** A run, of a hook or a task, that was under way when an earlier gateway ended. */
  cutOff({ kind, name, trigger, result }: Run, task: Task | undefined): void {
    const error = result!.error!;
    log.warn("{kind} {name}, begun for {trigger}: {error}", { kind, name, trigger, error });
    if (kind !== "task") return;
    this.#events.emit("scheduler:task_error", {
      task_name: name,
      task_type: task?.schedule.type ?? "unknown",
      fire_at: trigger === "manual" ? undefined : trigger,
      duration_ms: 0,
      error,
    });
  }
}

function taskOrigin({ name, schedule }: Task, fireAt: number | undefined) {
  const fire_at = fireAt === undefined ? undefined : isoTime(fireAt);
  return { task_name: name, task_type: schedule.type, fire_at };
}
