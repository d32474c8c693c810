/**
 * Runs tasks at their times. Each fire time is claimed in the store before it runs, so it runs at most
 * once, whatever restarts or stands beside this gateway; a prompt is put into its channel first, under
 * a key of its own, so it is neither lost nor doubled. Started by the gateway.
 */

import { isoTime } from "../../lib/iso_time.ts";
import type { CommandEnvironmentOptions } from "../command/environment.ts";
import { errorText } from "../../lib/error_text.ts";
import type { EventBus } from "../../domain/events.ts";
import { logger } from "../../logging/log.ts";
import type { RunResult, RunStore } from "../../store/run_store.ts";
import type { TaskKey, TaskState, TaskStore } from "../../store/task_store.ts";
import { waitAtMost } from "../../lib/wait.ts";
import { Alarm, type Clock, systemClock } from "./clock.ts";
import type { PromptPort } from "./prompt.ts";
import { ScheduledTask, type TaskStatus } from "./scheduled_task.ts";
import type { Task } from "./task.ts";
import { executeTask } from "./task_execution.ts";
import type { Fire, TaskRunQueue } from "./task_line.ts";
import { TaskReports } from "./task_reports.ts";

const log = logger("automation", "scheduler");

/** Runs of one task that are kept. */
const keptRuns = 100;

/** What a {@linkcode Scheduler} is given. */
export interface SchedulerOptions extends CommandEnvironmentOptions {
  readonly tasks: TaskStore;
  readonly runs: RunStore;
  readonly prompts: PromptPort;
  readonly events: EventBus;
  readonly clock?: Clock;
}

/** How many tasks there are, and run. */
export interface TaskFigures {
  readonly tasks: number;
  readonly running: number;
}

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  readonly #reports: TaskReports;
  #tasks: readonly ScheduledTask[] = [];
  /** The lines of those that were taken out of a file while they ran. */
  readonly #leaving = new Set<TaskRunQueue>();
  /** Changes of the tasks, one after the other. */
  #changing: Promise<void> = Promise.resolve();
  #started = false;
  #stopped = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#alarm = new Alarm(this.#clock, () => this.tick());
    this.#reports = new TaskReports(options.events);
  }

  /** Begins to run tasks; those that a crash has cut off are told as failed. */
  async start(): Promise<void> {
    const cutOff = await this.#options.runs.closeInterrupted({
      durationMs: 0,
      output: "",
      error: "the gateway ended while it ran; it is not run again for this time",
    });
    for (const run of cutOff) {
      this.#reports.cutOff(run, this.#tasks.find(({ task }) => task.name === run.name)?.task);
    }
    this.#started = true;
    this.tick();
  }

  /**
   * Puts tasks in the place of those of the same source. A run that goes on is not disturbed.
   *
   * @throws {Error} where a name is another source's, or the store does not answer.
   */
  replace(source: string, tasks: readonly Task[]): Promise<void> {
    const change = this.#changing.then(() => this.#replace(source, tasks));
    this.#changing = change.catch(() => {});
    return change;
  }

  /** All tasks. */
  list(): readonly TaskStatus[] {
    return this.#tasks.map((entry) => entry.status(this.#clock.now()));
  }

  figures(): TaskFigures {
    const running = this.#tasks.filter(({ line }) => line.running).length;
    return { tasks: this.#tasks.length, running };
  }

  /** The next fire times of all tasks, the earliest first. */
  upcoming(count: number): readonly { readonly name: string; readonly fireAt: number }[] {
    return this.#tasks.flatMap((entry) => entry.upcoming(this.#clock.now(), count))
      .sort((a, b) => a.fireAt - b.fireAt).slice(0, count);
  }

  /**
   * Runs a task now, beside its schedule; undefined where there is no such task.
   *
   * @throws {Error} where it runs already, or the scheduler has stopped.
   */
  async runNow(name: string): Promise<RunResult | undefined> {
    if (this.#stopped) throw new Error("The gateway is stopping");
    const entry = this.#tasks.find(({ task }) => task.name === name);
    if (!entry) return undefined;
    if (entry.line.running) throw new Error(`Task "${name}" runs already`);
    return await new Promise((onEnd) => entry.line.fire({ onEnd }, "skip"));
  }

  /** Looks at the clock and runs what is due. Its own alarm calls it; tests may. */
  tick(): void {
    if (this.#stopped || !this.#started) return;
    const now = this.#clock.now();
    for (const entry of this.#tasks) {
      try {
        const { fires, skipped } = entry.takeDue(now);
        if (skipped !== undefined) this.#skip(entry, skipped);
        const overlap = fires.length > 1 ? "queue" : entry.task.overlap;
        for (const fireAt of fires) entry.line.fire({ fireAt }, overlap);
        if (entry.setBack(now)) {
          this.#try(entry, () => this.#options.tasks.reanchor(entry.key, { anchorAt: now }));
        }
      } catch (error) {
        log.error("Task {task}: {error}", { task: entry.task.name, error: errorText(error) });
        entry.retry(now, { now });
      }
    }
    this.#setAlarm();
  }

  /** Runs nothing more, and waits for what runs; after `drainMs` it is ended. */
  async stop({ drainMs }: { readonly drainMs: number }): Promise<void> {
    this.#stopped = true;
    this.#alarm[Symbol.dispose]();
    const lines = [...this.#tasks.map(({ line }) => line), ...this.#leaving];
    const idle = Promise.all(lines.map((line) => line.stop()));
    await waitAtMost(idle, drainMs);
    lines.forEach((line) => line.stop(new Error("the gateway is stopping")));
    await idle;
  }

  async #replace(source: string, tasks: readonly Task[]): Promise<void> {
    const others = this.#tasks.filter((entry) => entry.source !== source);
    for (const { name } of tasks) {
      const other = others.find(({ task }) => task.name === name);
      if (other) throw new Error(`There is a task "${name}" already, of ${other.source}`);
    }
    const old = this.#tasks.filter((entry) => !others.includes(entry));
    const now = this.#clock.now();
    const known = (task: Task) => old.find(({ key }) => isSameKey(key, ScheduledTask.keyOf(task)));
    const fresh = tasks.filter((task) => !known(task));
    const keys = fresh.map(ScheduledTask.keyOf);
    const states = keys.length > 0 ? await this.#options.tasks.open(keys, { now }) : [];
    const entries = fresh.map((task, index) => this.#entry(task, source, states[index]!));
    // From here on nothing fails: the tasks are all in force, or none is.
    const own = tasks.map((task) => {
      const before = known(task);
      if (!before) return entries[fresh.indexOf(task)]!;
      const wasOff = !before.task.enabled;
      before.change(task, { now });
      if (wasOff && task.enabled) this.#skip(before, now);
      return before;
    });
    for (const entry of old) if (!own.includes(entry)) this.#leave(entry);
    this.#tasks = [...others, ...own];
    this.tick();
  }

  #entry(task: Task, source: string, state: TaskState): ScheduledTask {
    const entry: ScheduledTask = new ScheduledTask({
      task,
      source,
      state,
      line: {
        run: (fire, signal) => this.#run(entry, fire, signal),
        onSkip: ({ fireAt }) => {
          log.info("Task {task} still runs: its time {at} is skipped", {
            task: task.name,
            at: fireAt === undefined ? undefined : isoTime(fireAt),
          });
          // Noted, it would count those before it as handled: also those that wait.
          if (fireAt !== undefined && entry.line.waiting === 0) this.#skip(entry, fireAt);
        },
      },
    });
    return entry;
  }

  #leave({ line }: ScheduledTask): void {
    this.#leaving.add(line);
    line.stop().finally(() => this.#leaving.delete(line));
  }

  /** Claims and runs one fire time; undefined where somebody else has it, or it must wait. */
  async #run(
    entry: ScheduledTask,
    { fireAt }: Fire,
    signal: AbortSignal,
  ): Promise<RunResult | undefined> {
    const { task, key } = entry;
    const startedAt = this.#clock.now();
    const run = {
      kind: "task",
      name: task.name,
      trigger: fireAt === undefined ? "manual" : isoTime(fireAt),
      startedAt,
    } as const;
    try {
      if (task.action.type === "prompt") await this.#submit(task, fireAt ?? startedAt);
      const id = await this.#options.tasks.claim(key, { fireAt, run, keep: keptRuns });
      if (id === undefined) return undefined;
      entry.noteRun(startedAt);
      this.#reports.begun(task, fireAt);
      const result = await executeTask({ task, fireAt }, { ...this.#options, signal });
      this.#try(entry, () => this.#options.runs.finish(id, result));
      this.#reports.ended(task, fireAt, result);
      return result;
    } catch (error) {
      const result = { durationMs: 0, output: "", error: errorText(error) };
      this.#reports.ended(task, fireAt, result);
      // The store, or the channel: the fire time is not claimed, and its turn comes again.
      if (fireAt !== undefined && !this.#stopped) {
        entry.retry(fireAt, { now: this.#clock.now() });
        this.#setAlarm();
      }
      return result;
    }
  }

  async #submit(task: Task, at: number): Promise<void> {
    if (task.action.type !== "prompt") return;
    const { prompt, target } = task.action;
    await this.#options.prompts.submit({
      requestId: `task-${task.name}-${isoTime(at)}`,
      task: task.name,
      text: prompt,
      to: target,
    });
  }

  #skip(entry: ScheduledTask, fireAt: number): void {
    this.#try(entry, () => this.#options.tasks.skip(entry.key, { fireAt }));
  }

  /** Does what is no loss where it fails: the next look at the clock finds the same again. */
  #try(entry: ScheduledTask, write: () => Promise<void>): void {
    write().catch((error) =>
      log.warn("Cannot note where task {task} stands: {error}", {
        task: entry.task.name,
        error: errorText(error),
      })
    );
  }

  #setAlarm(): void {
    if (this.#stopped || !this.#started) return;
    const times = this.#tasks.map((entry) => entry.nextLook).filter((at) => at !== undefined);
    this.#alarm.set(times.length > 0 ? Math.min(...times) : undefined);
  }
}

function isSameKey(one: TaskKey, other: TaskKey): boolean {
  return one.name === other.name && one.digest === other.digest;
}
