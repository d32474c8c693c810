/**
 * Runs hooks beside the gateway's work: events go into a queue for each hook and never wait; a hook
 * handles one after the other, and only so many commands run at once. Subscribed to the events by the
 * gateway.
 */

import type { CommandEnvironmentOptions } from "../command/environment.ts";
import { errorText } from "../../lib/error_text.ts";
import type { EventBus, EventOrigin, GatewayEvent } from "../../domain/events.ts";
import { logger } from "../../logging/log.ts";
import type { RunResult, RunStore } from "../../store/run_store.ts";
import { waitAtMost } from "../../lib/wait.ts";
import type { Hook } from "./hook.ts";
import { callHook } from "./hook_call.ts";
import { toHookEvent } from "./hook_event.ts";
import { matchesEvent } from "./hook_match.ts";
import { type HookCall, type HookJob, HookQueue, sizeOf } from "./hook_queue.ts";

const log = logger("automation", "hooks");

/** Runs of one hook that are kept. */
const keptRuns = 100;
/** How long the commands that run at the end may go on beside those of `gateway:shutdown`, ms. */
const lastWaitMs = 5_000;

/** What a {@linkcode HookRunner} is given. */
export interface HookRunnerOptions extends CommandEnvironmentOptions {
  readonly events: EventBus;
  readonly runs: Pick<RunStore, "add">;
  /** Commands that may run at once. */
  readonly concurrentHooks: number;
  /** Events that may wait for one hook. */
  readonly queuedHookEvents: number;
  /** Characters of all events that wait. Default: 33,554,432. */
  readonly queuedChars?: number;
  readonly now?: () => number;
}

/** A hook, and how it is doing. */
export interface HookStatus {
  readonly hook: Hook;
  readonly source: string;
  readonly queued: number;
  readonly running: boolean;
  /** Events that it has not handled because it was too slow. */
  readonly dropped: number;
}

/** How busy the hooks are. */
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
  /** By name, in the order in which they get an event. */
  #queues: readonly HookQueue[] = [];
  readonly #running = new Set<Promise<unknown>>();
  readonly #calls = new Set<HookCall>();
  #commands = 0;
  #queuedChars = 0;
  #seq = 0;
  /** The number of `gateway:shutdown`, once it was emitted. */
  #shutdownSeq?: number;
  #stopped = false;

  constructor(options: HookRunnerOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#unsubscribe = options.events.subscribe((event) => this.#receive(event));
  }

  /**
   * Puts hooks in the place of those of the same source. What waits for a hook that is still there by
   * its name is kept.
   *
   * @throws {Error} where a name is another source's.
   */
  replace(source: string, hooks: readonly Hook[]): void {
    const others = this.#queues.filter((queue) => queue.source !== source);
    for (const { name } of hooks) {
      const other = others.find(({ hook }) => hook.name === name);
      if (other) throw new Error(`There is a hook "${name}" already, of ${other.source}`);
    }
    const old = this.#queues.filter((queue) => queue.source === source);
    const own = hooks.map((hook) => {
      const queue = old.find((queue) => queue.hook.name === hook.name);
      if (!queue) return new HookQueue(hook, source);
      queue.hook = hook;
      // Who switches off a hook that goes wrong wants no more of it.
      if (!hook.enabled) this.#forget(queue);
      return queue;
    });
    for (const queue of old) if (!own.includes(queue)) this.#forget(queue);
    this.#queues = [...others, ...own].sort((a, b) => b.hook.priority - a.hook.priority);
  }

  /** All hooks. */
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

  /** Calls a hook for an event of the caller's; undefined where there is no such hook. */
  async test(name: string, event: GatewayEvent): Promise<RunResult | undefined> {
    const hook = this.#queues.find(({ hook }) => hook.name === name)?.hook;
    if (!hook) return undefined;
    if (this.#stopped) throw new Error("The gateway is stopping");
    // Beside the queue, but not beyond the gateway's end.
    const run = this.#call(hook, event, { seq: 0, abort: new AbortController() })
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
    return await run;
  }

  /**
   * Ends: what waited before `gateway:shutdown` is given up, its hooks run to their end, what came
   * after has a moment, and what then still runs is ended.
   */
  async stop(): Promise<void> {
    const last = this.#shutdownSeq ?? Infinity;
    const given = this.#queues.reduce((sum, queue) => sum + this.#drop(queue, last), 0);
    if (given > 0) log.warn("Events that no hook handles any more: {count}", { count: given });
    const timer = setTimeout(() => this.#abortBefore(last), lastWaitMs);
    const pending = (queue: HookQueue) => queue.head?.seq === last || queue.current?.seq === last;
    while (this.#queues.some(pending) && this.#running.size > 0) await Promise.race(this.#running);
    await waitAtMost(this.#idle(), lastWaitMs);
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
    if (job) this.#pump();
  }

  #enqueue(queue: HookQueue, job: HookJob): void {
    const { queuedHookEvents, queuedChars = 32 * 1024 * 1024 } = this.#options;
    const full = queue.length >= queuedHookEvents || this.#queuedChars + job.size > queuedChars;
    // At the end the backlog is given up, and so is in nobody's way.
    if (full && job.event.name !== "gateway:shutdown") {
      // Told at 1, 10, 100 …: the log must not drown with the hook.
      if (/^10*$/.test(String(++queue.dropped))) {
        log.warn("Hook {hook} does not keep up: {count} events were dropped, {queued} wait", {
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

  /** Starts what may run: the oldest event first, the higher priority among equals. */
  #pump(): void {
    for (;;) {
      const room = this.#commands < this.#options.concurrentHooks;
      let next: HookQueue | undefined;
      for (const queue of this.#queues) {
        if (queue.current || !queue.head) continue;
        if (!room && queue.hook.action.type === "command") continue;
        if (!next || queue.head.seq < next.head!.seq) next = queue;
      }
      if (!next || this.#stopped) return;
      const run = this.#run(next).finally(() => {
        this.#running.delete(run);
        this.#pump();
      });
      this.#running.add(run);
    }
  }

  async #run(queue: HookQueue): Promise<void> {
    const { hook } = queue;
    const { seq, event, size } = queue.shift()!;
    this.#queuedChars -= size;
    const command = hook.action.type === "command" ? 1 : 0;
    this.#commands += command;
    queue.current = { seq, abort: new AbortController() };
    try {
      await this.#call(hook, event, queue.current);
    } finally {
      this.#commands -= command;
      queue.current = undefined;
    }
  }

  async #call(hook: Hook, event: GatewayEvent, call: HookCall): Promise<RunResult> {
    const startedAt = this.#now();
    // Beside the queue, which may go while its hook runs.
    this.#calls.add(call);
    const { childEnvironment, environment, runs } = this.#options;
    const result = await callHook(
      { hook, event: toHookEvent(event) },
      { childEnvironment, environment, signal: call.abort.signal },
    );
    this.#calls.delete(call);
    if (result.error !== undefined) this.#report(hook, event, result, result.error);
    else log.debug("Hook {hook} ran for {event}", { hook: hook.name, event: event.name });
    const run = { kind: "hook", name: hook.name, trigger: event.name, startedAt, result } as const;
    await runs.add(run, { keep: keptRuns }).catch((error) =>
      log.warn("Cannot keep how hook {hook} went: {error}", {
        hook: hook.name,
        error: errorText(error),
      })
    );
    return result;
  }

  #report(hook: Hook, event: GatewayEvent, result: RunResult, error: string): void {
    log.warn("Hook {hook} failed for {event}: {error}{output}", {
      hook: hook.name,
      event: event.name,
      error,
      output: result.output && `; it printed:\n${result.output.slice(-500).trimEnd()}`,
    });
    // A hook that fails over the failure of another one must not go round in circles.
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

  /** Ends the calls for events from before number `seq`. */
  #abortBefore(seq: number): void {
    for (const call of this.#calls) {
      if (call.seq < seq) call.abort.abort(new Error("the gateway is stopping"));
    }
  }

  async #idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.race(this.#running);
  }

  #forget(queue: HookQueue): void {
    const lost = this.#drop(queue);
    if (lost > 0) {
      log.warn("Hook {hook} is gone or off, and {count} events that waited for it are given up", {
        hook: queue.hook.name,
        count: lost,
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
