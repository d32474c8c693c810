/**
 * Runs tasks at their fire times. Each fire time is claimed in the store before it runs, so it runs at most
 * once, even after a restart or with a second gateway on the same store. A prompt is submitted before the
 * claim, under an id of its own, so it is neither lost nor answered twice.
 */

import { isoTime } from "../../lib/iso_time.ts";
import type { CommandEnvironmentOptions } from "../command/action.ts";
import { errorText } from "../../lib/error_text.ts";
import type { EventBus } from "../../domain/events.ts";
import { logger } from "../../logging/log.ts";
import type { Run, RunResult, RunStore } from "../../store/run_store.ts";
import type { TaskKey, TaskState, TaskStore } from "../../store/run_store.ts";
import { waitAtMost } from "../../lib/wait.ts";
import { Alarm, type Clock, systemClock } from "./clock.ts";
import type { PromptPort } from "./prompt.ts";
import type { Fire, TaskRunQueue } from "./run_queue.ts";
import { ScheduledTask, type TaskStatus } from "./scheduled_task.ts";
import { runTask, type Task } from "./task.ts";

const log = logger("automation", "scheduler");

/** Runs kept of each task. */
const keptRuns = 100;
/** Characters of a failed command's output that are logged. */
const loggedChars = 500;

/** Options of {@linkcode Scheduler}. */
export interface SchedulerOptions extends CommandEnvironmentOptions {
  readonly tasks: TaskStore;
  readonly runs: RunStore;
  readonly prompts: PromptPort;
  readonly events: EventBus;
  readonly clock?: Clock;
}

/** The number of tasks, and of those that are running. */
export interface TaskFigures {
  readonly tasks: number;
  readonly running: number;
}

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  #tasks: readonly ScheduledTask[] = [];
  /** The queues of tasks that were removed while they ran. */
  readonly #removed = new Set<TaskRunQueue>();
  /** Calls of {@linkcode replace} run one after the other. */
  #replacing: Promise<void> = Promise.resolve();
  #started = false;
  #stopped = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#alarm = new Alarm(this.#clock, () => this.tick());
  }

  /** Starts to run tasks, and reports runs that a crash interrupted as failed. */
  async start(): Promise<void> {
    const interrupted = await this.#options.runs.closeInterrupted({
      durationMs: 0,
      output: "",
      error: "the gateway ended while it ran; it is not run again for this time",
    });
    for (const run of interrupted) this.#reportInterrupted(run);
    this.#started = true;
    this.tick();
  }

  /**
   * Replaces the tasks of a source. Runs in progress continue.
   *
   * @throws {Error} if another source has a task of the same name, or the store fails.
   */
  replace(source: string, tasks: readonly Task[]): Promise<void> {
    const replaced = this.#replacing.then(() => this.#replace(source, tasks));
    this.#replacing = replaced.catch(() => {});
    return replaced;
  }

  /** Returns all tasks. */
  list(): readonly TaskStatus[] {
    return this.#tasks.map((entry) => entry.status(this.#clock.now()));
  }

  figures(): TaskFigures {
    const running = this.#tasks.filter(({ queue }) => queue.running).length;
    return { tasks: this.#tasks.length, running };
  }

  /** Returns the next fire times of all tasks, earliest first. */
  upcoming(count: number): readonly { readonly name: string; readonly fireAt: number }[] {
    return this.#tasks.flatMap((entry) => entry.upcoming(this.#clock.now(), count))
      .sort((a, b) => a.fireAt - b.fireAt).slice(0, count);
  }

  /**
   * Runs a task now, in addition to its schedule; returns undefined if it does not exist.
   *
   * @throws {Error} if it is already running, or the scheduler has stopped.
   */
  async runNow(name: string): Promise<RunResult | undefined> {
    if (this.#stopped) throw new Error("The gateway is stopping");
    const entry = this.#tasks.find(({ task }) => task.name === name);
    if (!entry) return undefined;
    if (entry.queue.running) throw new Error(`Task "${name}" is already running`);
    return await new Promise((onEnd) => entry.queue.fire({ onEnd }, "skip"));
  }

  /** Runs what is due. Called by the alarm, and by tests. */
  tick(): void {
    if (this.#stopped || !this.#started) return;
    const now = this.#clock.now();
    for (const entry of this.#tasks) {
      try {
        const { fires, skipped } = entry.claimDue(now);
        if (skipped !== undefined) this.#skip(entry, skipped);
        const overlap = fires.length > 1 ? "queue" : entry.task.overlap;
        for (const fireAt of fires) entry.queue.fire({ fireAt }, overlap);
        if (entry.restartIfSetBack(now)) {
          this.#tryToStore(entry, () => this.#options.tasks.reanchor(entry.key, { anchorAt: now }));
        }
      } catch (error) {
        log.error("Cannot run task {task}: {error}", {
          task: entry.task.name,
          error: errorText(error),
        });
        entry.retry(now, { now });
      }
    }
    this.#setAlarm();
  }

  /** Starts no more runs and waits for those in progress; after `drainMs` they are aborted. */
  async stop({ drainMs }: { readonly drainMs: number }): Promise<void> {
    this.#stopped = true;
    this.#alarm[Symbol.dispose]();
    const queues = [...this.#tasks.map(({ queue }) => queue), ...this.#removed];
    const idle = Promise.all(queues.map((queue) => queue.stop()));
    await waitAtMost(idle, drainMs);
    queues.forEach((queue) => queue.stop(new Error("the gateway is stopping")));
    await idle;
  }

  async #replace(source: string, tasks: readonly Task[]): Promise<void> {
    const others = this.#tasks.filter((entry) => entry.source !== source);
    for (const { name } of tasks) {
      const other = others.find(({ task }) => task.name === name);
      if (other) throw new Error(`There is already a task "${name}" from ${other.source}`);
    }
    const old = this.#tasks.filter((entry) => !others.includes(entry));
    const now = this.#clock.now();
    const existing = (task: Task) =>
      old.find(({ key }) => isSameKey(key, ScheduledTask.keyOf(task)));
    const added = tasks.filter((task) => !existing(task));
    const keys = added.map(ScheduledTask.keyOf);
    const states = keys.length > 0 ? await this.#options.tasks.register(keys, { now }) : [];
    const entries = added.map((task, index) => this.#createEntry(task, source, states[index]!));
    // Nothing fails from here on, so either all tasks are replaced or none.
    const own = tasks.map((task) => {
      const entry = existing(task);
      if (!entry) return entries[added.indexOf(task)]!;
      const wasDisabled = !entry.task.enabled;
      entry.update(task, { now });
      if (wasDisabled && task.enabled) this.#skip(entry, now);
      return entry;
    });
    for (const entry of old) if (!own.includes(entry)) this.#remove(entry);
    this.#tasks = [...others, ...own];
    this.tick();
  }

  #createEntry(task: Task, source: string, state: TaskState): ScheduledTask {
    const entry: ScheduledTask = new ScheduledTask({
      task,
      source,
      state,
      queue: {
        run: (fire, signal) => this.#run(entry, fire, signal),
        onSkip: ({ fireAt }) => {
          log.info("Skipping task {task} at {at}: the last run is still in progress", {
            task: task.name,
            at: fireAt === undefined ? undefined : isoTime(fireAt),
          });
          // Storing a skip also marks all earlier fire times as handled, including waiting ones.
          if (fireAt !== undefined && entry.queue.waiting === 0) this.#skip(entry, fireAt);
        },
      },
    });
    return entry;
  }

  #remove({ queue }: ScheduledTask): void {
    this.#removed.add(queue);
    queue.stop().finally(() => this.#removed.delete(queue));
  }

  /** Claims and runs one fire time; returns undefined if it was claimed elsewhere. */
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
      entry.recordRun(startedAt);
      this.#options.events.emit("scheduler:task_run", taskOrigin(task, fireAt));
      const result = await runTask({ task, fireAt }, { ...this.#options, signal });
      this.#tryToStore(entry, () => this.#options.runs.finish(id, result));
      this.#reportEnd(task, fireAt, result);
      return result;
    } catch (error) {
      const result = { durationMs: 0, output: "", error: errorText(error) };
      this.#reportEnd(task, fireAt, result);
      // The store or the intake failed, so the fire time is still unclaimed.
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

  #reportEnd(task: Task, fireAt: number | undefined, result: RunResult): void {
    const { error, durationMs, output } = result;
    if (error === undefined) {
      log.info("Task {task} finished in {ms} ms", { task: task.name, ms: durationMs });
      return;
    }
    log.warn("Task {task} failed: {error}{output}", {
      task: task.name,
      error,
      output: output && `; its output:\n${output.slice(-loggedChars).trimEnd()}`,
    });
    const failure = { ...taskOrigin(task, fireAt), duration_ms: durationMs, error };
    this.#options.events.emit("scheduler:task_error", failure);
  }

  /** Reports a run, of a task or a hook, that was in progress when an earlier gateway ended. */
  #reportInterrupted({ kind, name, trigger, result }: Run): void {
    const error = result!.error!;
    log.warn("{kind} {name}, started for {trigger}: {error}", { kind, name, trigger, error });
    if (kind !== "task") return;
    const task = this.#tasks.find(({ task }) => task.name === name)?.task;
    this.#options.events.emit("scheduler:task_error", {
      task_name: name,
      task_type: task?.schedule.type ?? "unknown",
      fire_at: trigger === "manual" ? undefined : trigger,
      duration_ms: 0,
      error,
    });
  }

  #skip(entry: ScheduledTask, fireAt: number): void {
    this.#tryToStore(entry, () => this.#options.tasks.skip(entry.key, { fireAt }));
  }

  /** Writes what may be lost: the next tick repeats it if necessary. */
  #tryToStore(entry: ScheduledTask, write: () => Promise<void>): void {
    write().catch((error) =>
      log.warn("Cannot store the state of task {task}: {error}", {
        task: entry.task.name,
        error: errorText(error),
      })
    );
  }

  #setAlarm(): void {
    if (this.#stopped || !this.#started) return;
    const times = this.#tasks.map((entry) => entry.nextCheckAt).filter((at) => at !== undefined);
    this.#alarm.set(times.length > 0 ? Math.min(...times) : undefined);
  }
}

function taskOrigin({ name, schedule }: Task, fireAt: number | undefined) {
  const fire_at = fireAt === undefined ? undefined : isoTime(fireAt);
  return { task_name: name, task_type: schedule.type, fire_at };
}

function isSameKey(one: TaskKey, other: TaskKey): boolean {
  return one.name === other.name && one.digest === other.digest;
}
