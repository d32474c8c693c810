/**
 * Runs hooks without delaying the gateway's work. Each hook has a queue and handles its events in order;
 * the number of commands that run at once is limited.
 */

import type { CommandEnvironmentOptions } from "../command/action.ts";
import { errorText } from "../../lib/error_text.ts";
import type { EventBus, EventOrigin, GatewayEvent } from "../../domain/events.ts";
import { logger } from "../../logging/log.ts";
import type { RunResult, RunStore } from "../../store/run_store.ts";
import { waitAtMost } from "../../lib/wait.ts";
import { toHookEvent } from "./event.ts";
import { callHook, type Hook, matchesEvent } from "./hook.ts";
import { type HookCall, type HookJob, HookQueue, sizeOf } from "./queue.ts";

const log = logger("automation", "hooks");

/** Runs kept of each hook. */
const keptRuns = 100;
/** Characters of a failed command's output that are logged. */
const loggedChars = 500;

/** Options of {@linkcode HookRunner}. */
export interface HookRunnerOptions extends CommandEnvironmentOptions {
  readonly events: EventBus;
  readonly runs: Pick<RunStore, "add">;
  /** Most commands that run at once. */
  readonly concurrentHooks: number;
  /** Most events that wait for one hook. */
  readonly queuedHookEvents: number;
  /** Most characters of all waiting events. Default: 33,554,432. */
  readonly queuedChars?: number;
  /** How long hooks of other events than `gateway:shutdown` may run on shutdown. Default: 5000. */
  readonly drainMs?: number;
  readonly now?: () => number;
}

/** A hook and its state. */
export interface HookStatus {
  readonly hook: Hook;
  readonly source: string;
  readonly queued: number;
  readonly running: boolean;
  /** Events dropped because the hook was too slow. */
  readonly dropped: number;
}

/** The load of all hooks. */
export interface HookFigures {
  readonly hooks: number;
  readonly queued: number;
  readonly running: number;
  readonly dropped: number;
}

export class HookRunner {
  readonly #options: HookRunnerOptions;
  readonly #now: () => number;
  readonly #unsubscribe: () => void;
  /** By descending priority. */
  #queues: readonly HookQueue[] = [];
  readonly #running = new Set<Promise<unknown>>();
  /** Kept apart from the queues, because a queue may be removed while its hook runs. */
  readonly #calls = new Set<HookCall>();
  #runningCommands = 0;
  #queuedChars = 0;
  #seq = 0;
  /** The number of `gateway:shutdown`, once emitted. */
  #shutdownSeq?: number;
  #stopped = false;

  constructor(options: HookRunnerOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#unsubscribe = options.events.subscribe((event) => this.#receive(event));
  }

  /**
   * Replaces the hooks of a source. A hook that keeps its name keeps its waiting events.
   *
   * @throws {Error} if another source has a hook of the same name.
   */
  replace(source: string, hooks: readonly Hook[]): void {
    const others = this.#queues.filter((queue) => queue.source !== source);
    for (const { name } of hooks) {
      const other = others.find(({ hook }) => hook.name === name);
      if (other) throw new Error(`There is already a hook "${name}" from ${other.source}`);
    }
    const old = this.#queues.filter((queue) => queue.source === source);
    const own = hooks.map((hook) => {
      const queue = old.find((queue) => queue.hook.name === hook.name);
      if (!queue) return new HookQueue(hook, source);
      queue.hook = hook;
      // An operator who disables a faulty hook wants no more runs of it.
      if (!hook.enabled) this.#discard(queue);
      return queue;
    });
    for (const queue of old) if (!own.includes(queue)) this.#discard(queue);
    this.#queues = [...others, ...own].sort((a, b) => b.hook.priority - a.hook.priority);
  }

  /** Returns all hooks. */
  list(): readonly HookStatus[] {
    return this.#queues.map(({ hook, source, length, current, dropped }) => ({
      hook,
      source,
      queued: length,
      running: current !== undefined,
      dropped,
    }));
  }

  figures(): HookFigures {
    const sum = (count: (queue: HookQueue) => number) =>
      this.#queues.reduce((total, queue) => total + count(queue), 0);
    return {
      hooks: this.#queues.length,
      queued: sum(({ length }) => length),
      running: sum(({ current }) => current ? 1 : 0),
      dropped: sum(({ dropped }) => dropped),
    };
  }

  /** Runs a hook for a given event, bypassing its queue; returns undefined if it does not exist. */
  async test(name: string, event: GatewayEvent): Promise<RunResult | undefined> {
    const hook = this.#queues.find(({ hook }) => hook.name === name)?.hook;
    if (!hook) return undefined;
    if (this.#stopped) throw new Error("The gateway is stopping");
    // Counted as running, so that a stop ends it.
    const run = this.#call(hook, event, { seq: 0, abort: new AbortController() })
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
    return await run;
  }

  /**
   * Stops. Events that waited before `gateway:shutdown` are dropped; its own hooks run to completion;
   * everything else gets `drainMs` and is then aborted.
   */
  async stop(): Promise<void> {
    const { drainMs = 5_000 } = this.#options;
    const last = this.#shutdownSeq ?? Infinity;
    const count = this.#queues.reduce((sum, queue) => sum + this.#drop(queue, last), 0);
    if (count > 0) log.warn("Dropped {count} hook events on shutdown", { count });
    const timer = setTimeout(() => this.#abortBefore(last), drainMs);
    const pending = (queue: HookQueue) => queue.head?.seq === last || queue.current?.seq === last;
    while (this.#queues.some(pending) && this.#running.size > 0) await Promise.race(this.#running);
    await waitAtMost(this.#idle(), drainMs);
    clearTimeout(timer);
    this.#stopped = true;
    this.#unsubscribe();
    for (const queue of this.#queues) this.#drop(queue);
    this.#abortBefore(Infinity);
    await Promise.all(this.#running);
  }

  #receive(event: GatewayEvent): void {
    const seq = ++this.#seq;
    if (event.name === "gateway:shutdown") this.#shutdownSeq ??= seq;
    let job: HookJob | undefined;
    for (const queue of this.#queues) {
      if (!matchesEvent(queue.hook, event)) continue;
      job ??= { seq, event, size: sizeOf(event) };
      this.#enqueue(queue, job);
    }
    if (job) this.#startNext();
  }

  #enqueue(queue: HookQueue, job: HookJob): void {
    const { queuedHookEvents, queuedChars = 32 * 1024 * 1024 } = this.#options;
    const full = queue.length >= queuedHookEvents || this.#queuedChars + job.size > queuedChars;
    // A shutdown drops the backlog, so there is room for its event.
    if (full && job.event.name !== "gateway:shutdown") {
      // Logged at 1, 10, 100 …, so that the log is not flooded too.
      if (/^10*$/.test(String(++queue.dropped))) {
        log.warn("Hook {hook} is too slow: {count} events dropped, {queued} waiting", {
          hook: queue.hook.name,
          count: queue.dropped,
          queued: queue.length,
        });
      }
      return;
    }
    this.#queuedChars += job.size;
    queue.push(job);
  }

  /** Starts what may run: the oldest event first, by priority for the same event. */
  #startNext(): void {
    for (;;) {
      const hasCapacity = this.#runningCommands < this.#options.concurrentHooks;
      let next: HookQueue | undefined;
      for (const queue of this.#queues) {
        if (queue.current || !queue.head) continue;
        if (!hasCapacity && queue.hook.action.type === "command") continue;
        if (!next || queue.head.seq < next.head!.seq) next = queue;
      }
      if (!next || this.#stopped) return;
      const run = this.#run(next).finally(() => {
        this.#running.delete(run);
        this.#startNext();
      });
      this.#running.add(run);
    }
  }

  async #run(queue: HookQueue): Promise<void> {
    const { hook } = queue;
    const { seq, event, size } = queue.shift()!;
    this.#queuedChars -= size;
    const commands = hook.action.type === "command" ? 1 : 0;
    this.#runningCommands += commands;
    queue.current = { seq, abort: new AbortController() };
    try {
      await this.#call(hook, event, queue.current);
    } finally {
      this.#runningCommands -= commands;
      queue.current = undefined;
    }
  }

  async #call(hook: Hook, event: GatewayEvent, call: HookCall): Promise<RunResult> {
    const startedAt = this.#now();
    this.#calls.add(call);
    const { childEnvironment, environment, runs } = this.#options;
    const result = await callHook(
      { hook, event: toHookEvent(event) },
      { childEnvironment, environment, signal: call.abort.signal },
    );
    this.#calls.delete(call);
    if (result.error !== undefined) this.#reportFailure(hook, event, result, result.error);
    else log.debug("Hook {hook} ran for {event}", { hook: hook.name, event: event.name });
    const run = { kind: "hook", name: hook.name, trigger: event.name, startedAt, result } as const;
    await runs.add(run, { keep: keptRuns }).catch((error) =>
      log.warn("Cannot store the result of hook {hook}: {error}", {
        hook: hook.name,
        error: errorText(error),
      })
    );
    return result;
  }

  #reportFailure(hook: Hook, event: GatewayEvent, result: RunResult, error: string): void {
    log.warn("Hook {hook} failed for {event}: {error}{output}", {
      hook: hook.name,
      event: event.name,
      error,
      output: result.output && `; its output:\n${result.output.slice(-loggedChars).trimEnd()}`,
    });
    // Reporting failures of hooks for hook:error would cause endless loops.
    if (event.name === "hook:error") return;
    const { node_id, platform, user_id, channel_id, request_id } = event.data as EventOrigin;
    this.#options.events.emit("hook:error", {
      node_id,
      platform,
      user_id,
      channel_id,
      request_id,
      hook_name: hook.name,
      failed_event: event.name,
      duration_ms: result.durationMs,
      error,
    });
  }

  /** Aborts runs for events with a number below `seq`. */
  #abortBefore(seq: number): void {
    for (const call of this.#calls) {
      if (call.seq < seq) call.abort.abort(new Error("the gateway is stopping"));
    }
  }

  async #idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.race(this.#running);
  }

  /** Drops the events of a hook that was removed or disabled. */
  #discard(queue: HookQueue): void {
    const count = this.#drop(queue);
    if (count > 0) {
      log.warn("Hook {hook} was removed or disabled: {count} waiting events dropped", {
        hook: queue.hook.name,
        count,
      });
    }
  }

  #drop(queue: HookQueue, before?: number): number {
    const size = queue.size;
    const count = queue.drop(before);
    this.#queuedChars -= size - queue.size;
    return count;
  }
}
