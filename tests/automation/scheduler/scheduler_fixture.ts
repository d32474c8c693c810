/** Schedulers on a store, with a clock that the test controls. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { EventBus, type GatewayEvent } from "../../../src/domain/events.ts";
import type { Prompt } from "../../../src/automation/scheduler/prompt.ts";
import { Scheduler } from "../../../src/automation/scheduler/scheduler.ts";
import type { Task, TaskRun } from "../../../src/automation/scheduler/task.ts";
import type { SqliteStore } from "../../../src/store/sqlite/store.ts";
import type { TaskStore } from "../../../src/store/run_store.ts";
import { within } from "../../support/deadline.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";
import { SqliteFolder } from "../../store/sqlite/sqlite_place.ts";

/** The source of the tasks. */
export const source = "scheduler.yaml";

const home = { PATH: Deno.env.get("PATH") ?? "" };

/** A schedule, and any other fields of a task. */
export type TaskFields = Partial<Task> & Pick<Task, "schedule">;

export class SchedulerFixture implements AsyncDisposable {
  readonly clock: FakeClock;
  readonly events: GatewayEvent[] = [];
  /** The fire times of {@linkcode task} that ran, to the second, or `manual`. */
  readonly ran: string[] = [];
  /** The accepted prompts, each id once. */
  readonly prompts: Prompt[] = [];
  /** If set, the store's tasks or the submission of prompts fail with it. */
  storeDown?: Error;
  promptsDown?: Error;
  /** The number of submitted prompts, including rejected ones. */
  submissions = 0;
  /** Called during each run of {@linkcode task}. */
  during: (run: TaskRun) => unknown = () => {};
  store!: SqliteStore;
  readonly #place = new SqliteFolder();
  readonly #folder = new TempFolder("clara_tasks_");
  readonly #schedulers: Scheduler[] = [];

  /** @param at the time of the clock. */
  static async open(at: string): Promise<SchedulerFixture> {
    const fixture = new SchedulerFixture(at);
    fixture.store = await fixture.#place.open();
    return fixture;
  }

  private constructor(at: string) {
    this.clock = new FakeClock({
      at,
      busy: () => this.#schedulers.some((scheduler) => scheduler.figures().running > 0),
    });
  }

  /** Returns a task that records its fire times. */
  task({ schedule, ...fields }: TaskFields): Task {
    return {
      name: "task",
      description: "",
      enabled: true,
      schedule,
      action: { type: "function", run: (run) => this.#run(run) },
      timeoutMs: 60_000,
      overlap: "skip",
      missed: "skip",
      ...fields,
    };
  }

  /** Returns a task whose prompt goes to channel-1. */
  promptTask(fields: TaskFields): Task {
    const target = { platform: "test", channel: "channel-1" };
    return { ...this.task(fields), action: { type: "prompt", prompt: "What is new?", target } };
  }

  /** Starts a scheduler with these tasks. */
  async start(...tasks: readonly Task[]): Promise<Scheduler> {
    const events = new EventBus({ now: this.clock.now });
    events.subscribe((event) => this.events.push(event));
    const scheduler = new Scheduler({
      tasks: this.#tasks(),
      runs: this.store.runs,
      prompts: { submit: (prompt) => this.#submit(prompt) },
      events,
      clock: this.clock,
      childEnvironment: home,
      environment: () => undefined,
    });
    this.#schedulers.push(scheduler);
    await scheduler.replace(source, tasks);
    await scheduler.start();
    await this.clock.settle();
    return scheduler;
  }

  /** Stops all schedulers and reopens the store. */
  async stop(): Promise<void> {
    for (const scheduler of this.#schedulers.splice(0)) await scheduler.stop({ drainMs: 0 });
    await this.store[Symbol.asyncDispose]();
    this.store = await this.#place.open();
  }

  /** Stops all schedulers, sets the clock, and starts a scheduler with these tasks. */
  async restartAt(at: string, ...tasks: readonly Task[]): Promise<Scheduler> {
    await this.stop();
    this.clock.set(at);
    return await this.start(...tasks);
  }

  /** A working directory for commands. */
  get folder(): string {
    return this.#folder.path;
  }

  /** Waits until a command has written its process id to the file `pid`, and returns it. */
  async pid(): Promise<number> {
    const path = join(this.folder, "pid");
    using watcher = Deno.watchFs(this.folder);
    const written = async () => {
      if (existsSync(path)) return;
      for await (const _ of watcher) if (existsSync(path)) return;
    };
    await within(written(), { what: "the command's process" });
    return Number(Deno.readTextFileSync(path));
  }

  /** Returns the stored runs of a task, oldest first. */
  async runs(name = "task") {
    const runs = await this.store.runs.recent({ kind: "task", name, limit: 1000 });
    return runs.map(({ trigger, result }) => ({ trigger, error: result?.error })).reverse();
  }

  /** The errors of all `scheduler:task_error` events. */
  get errors(): readonly string[] {
    return this.events.flatMap(({ name, data }) =>
      name === "scheduler:task_error" ? [data.error] : []
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const scheduler of this.#schedulers) await scheduler.stop({ drainMs: 0 });
    await this.store[Symbol.asyncDispose]();
    await this.#place[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }

  #run(run: TaskRun): unknown {
    this.ran.push(run.fire_at?.slice(0, 19) ?? "manual");
    return this.during(run);
  }

  #submit(prompt: Prompt): Promise<void> {
    this.submissions++;
    if (this.promptsDown) return Promise.reject(this.promptsDown);
    const known = this.prompts.some(({ requestId }) => requestId === prompt.requestId);
    if (!known) this.prompts.push(prompt);
    return Promise.resolve();
  }

  /** The store's tasks, which fail while `storeDown` is set. */
  #tasks(): TaskStore {
    const { tasks } = this.store;
    const unlessDown = <T>(call: () => Promise<T>) =>
      this.storeDown ? Promise.reject(this.storeDown) : call();
    return {
      register: (keys, options) => unlessDown(() => tasks.register(keys, options)),
      claim: (key, options) => unlessDown(() => tasks.claim(key, options)),
      skip: (key, options) => unlessDown(() => tasks.skip(key, options)),
      reanchor: (key, options) => unlessDown(() => tasks.reanchor(key, options)),
    };
  }
}
