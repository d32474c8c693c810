/** The events that wait for one hook. */

import type { GatewayEvent } from "../../domain/events.ts";
import type { Hook } from "./hook.ts";

/** An event for a hook, with its sequence number. */
export interface HookJob {
  readonly seq: number;
  readonly event: GatewayEvent;
  /** See {@linkcode sizeOf}. */
  readonly size: number;
}

/** A run of a hook. */
export interface HookCall {
  readonly seq: number;
  readonly abort: AbortController;
}

/** A first-in-first-out queue. The runner enforces the limits and counts dropped events. */
export class HookQueue {
  /** Replaced when the definition of the hook changes. */
  hook: Hook;
  /** The file or plugin that defines the hook. */
  readonly source: string;
  /** The run in progress. */
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

  /** Characters of all waiting events. */
  get size(): number {
    return this.#size;
  }

  /** The next job. */
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

  /** Removes the jobs with a number below `seq` (default: all) and returns how many. */
  drop(seq = Infinity): number {
    const before = this.#jobs.length;
    this.#jobs = this.#jobs.filter((job) => job.seq >= seq);
    this.#size = this.#jobs.reduce((sum, job) => sum + job.size, 0);
    return before - this.#jobs.length;
  }
}

/** Estimates the memory that an event takes: the characters of its texts. */
export function sizeOf({ data }: GatewayEvent): number {
  return Object.values(data).flat()
    .reduce((sum, value) => sum + (typeof value === "string" ? value.length : 0), 0);
}
