/** The events that wait for one hook, within a limit. Used by the runner. */

import type { GatewayEvent } from "../../domain/events.ts";
import type { Hook } from "./hook.ts";

/** An event for a hook, with its number in order of emission. */
export interface HookJob {
  readonly seq: number;
  readonly event: GatewayEvent;
  /** See {@linkcode sizeOf}. */
  readonly size: number;
}

/** The handling of a job. */
export interface HookCall {
  readonly seq: number;
  readonly abort: AbortController;
}

/** First in, first out; what does not fit is dropped and counted. */
export class HookQueue {
  /** A changed file puts another definition in its place. */
  hook: Hook;
  /** Where the hook comes from: the file, or a plugin. */
  readonly source: string;
  /** What it handles just now. */
  current?: HookCall;
  dropped = 0;
  #jobs: HookJob[] = [];
  #size = 0;

  constructor(hook: Hook, source: string) {
    this.hook = hook;
    this.source = source;
  }

  get length(): number {
    return this.#jobs.length;
  }

  /** Characters of all that wait. */
  get size(): number {
    return this.#size;
  }

  /** The one that is next. */
  get head(): HookJob | undefined {
    return this.#jobs[0];
  }

  push(job: HookJob): void {
    this.#jobs.push(job);
    this.#size += job.size;
  }

  shift(): HookJob | undefined {
    const job = this.#jobs.shift();
    if (job) this.#size -= job.size;
    return job;
  }

  /** Drops all that came before number `seq` (all, where it is missing); gives their count. */
  drop(seq = Infinity): number {
    const before = this.#jobs.length;
    this.#jobs = this.#jobs.filter((job) => job.seq >= seq);
    this.#size = this.#jobs.reduce((sum, job) => sum + job.size, 0);
    return before - this.#jobs.length;
  }
}

/** About what an event takes up: the characters of its texts. */
export function sizeOf({ data }: GatewayEvent): number {
  return Object.values(data).flat()
    .reduce((sum, value) => sum + (typeof value === "string" ? value.length : 0), 0);
}
