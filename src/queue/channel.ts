/** What the router knows about a channel: the running turn, the waiting requests, the debounce. */

import type { Priority } from "../domain/message.ts";
import { priorities } from "../domain/message.ts";
import type { QueuedRequest } from "../domain/request.ts";

/**
 * Removes the waiting requests that `matches` accepts from the queue of a turn's channel, so that
 * the turn can absorb them. The caller must then finish them.
 */
export type TakeWaiting = (
  matches: (request: QueuedRequest) => boolean,
) => readonly QueuedRequest[];

/** A running turn. */
export interface Turn {
  readonly request: QueuedRequest;
  /** Requests the turn has absorbed. Their bytes count until it ends. */
  readonly absorbed: QueuedRequest[];
  readonly abort: AbortController;
}

export class Channel {
  readonly key: string;
  readonly queue = new ChannelQueue();
  readonly debounce: Debounce;
  /** Places reserved for messages that are being committed. */
  reserved = 0;
  /** Whether a reserved message will run as soon as it is committed. No other turn starts until then. */
  starting = false;
  running?: Turn;
  /** Whether the router already lists it as ready to run. */
  ready = false;

  /** @param options `onQuiet` is called when no message to collect has arrived for `collectMs`. */
  constructor(key: string, { collectMs, onQuiet }: {
    readonly collectMs: number;
    readonly onQuiet: (channel: Channel) => void;
  }) {
    this.key = key;
    this.debounce = new Debounce(collectMs, () => onQuiet(this));
  }

  /** Number of waiting and reserved messages. */
  get taken(): number {
    return this.queue.size + this.reserved;
  }

  /** Whether a turn is running or about to start. */
  get occupied(): boolean {
    return this.running !== undefined || this.starting;
  }

  /** Whether the channel holds no state and can be dropped. */
  get idle(): boolean {
    return !this.running && this.taken === 0 && !this.ready;
  }

  /** Whether its next request could run and it is not yet listed as ready. */
  get startable(): boolean {
    return !this.ready && !this.occupied && this.queue.size > 0 && !this.debounce.active;
  }
}

/** How often a waiting priority may be overtaken before it goes first. */
const maxOvertakes = 8;

/**
 * The waiting requests of a channel: high before normal before low, first in, first out within a
 * priority. A priority that was overtaken {@linkcode maxOvertakes} times goes next, so none starves.
 */
export class ChannelQueue {
  readonly #lanes: Record<Priority, QueuedRequest[]> = { high: [], normal: [], low: [] };
  readonly #overtaken: Record<Priority, number> = { high: 0, normal: 0, low: 0 };

  get size(): number {
    return this.#lanes.high.length + this.#lanes.normal.length + this.#lanes.low.length;
  }

  push(request: QueuedRequest): void {
    this.#lanes[request.priority].push(request);
  }

  /** Removes and returns the next request. */
  shift(): QueuedRequest | undefined {
    const waiting = priorities.filter((priority) => this.#lanes[priority].length > 0);
    const next = waiting.findLast((priority) => this.#overtaken[priority] >= maxOvertakes) ??
      waiting[0];
    if (next === undefined) return undefined;
    for (const priority of waiting) {
      this.#overtaken[priority] = priority === next ? 0 : this.#overtaken[priority] + 1;
    }
    return this.#lanes[next].shift();
  }

  /** Removes a request. */
  remove(request: QueuedRequest): void {
    const lane = this.#lanes[request.priority];
    const index = lane.findIndex(({ seq }) => seq === request.seq);
    if (index >= 0) lane.splice(index, 1);
  }

  /** Removes and returns all matching requests, in order of arrival. */
  take(matches: (request: QueuedRequest) => boolean): readonly QueuedRequest[] {
    const taken = [...this].filter(matches);
    taken.forEach((request) => this.remove(request));
    return taken.sort((a, b) => a.seq - b.seq);
  }

  /** Position of a waiting request, from 1, if no request of a higher priority arrives. */
  position(request: QueuedRequest): number {
    let before = 0;
    for (const priority of priorities) {
      const lane = this.#lanes[priority];
      if (priority === request.priority) {
        return before + lane.findIndex(({ seq }) => seq === request.seq) + 1;
      }
      before += lane.length;
    }
    return before;
  }

  /** All waiting requests, in no particular order. */
  *[Symbol.iterator](): Iterator<QueuedRequest> {
    for (const priority of priorities) yield* this.#lanes[priority];
  }
}

/** Delays a turn until its channel is quiet, so that it can collect more messages. */
export class Debounce {
  readonly #quietMs: number;
  readonly #onQuiet: () => void;
  #timer?: ReturnType<typeof setTimeout>;
  #latestAt?: number;

  /** @param quietMs how long the channel must be quiet; the delay never exceeds ten times that. */
  constructor(quietMs: number, onQuiet: () => void) {
    this.#quietMs = quietMs;
    this.#onQuiet = onQuiet;
  }

  get active(): boolean {
    return this.#timer !== undefined;
  }

  /** Starts or extends the delay. */
  extend(): void {
    if (this.#quietMs === 0) return;
    const now = performance.now();
    this.#latestAt ??= now + 10 * this.#quietMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.cancel();
      this.#onQuiet();
    }, Math.max(0, Math.min(this.#quietMs, this.#latestAt - now)));
  }

  /** Ends the delay without calling back. */
  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#latestAt = undefined;
  }
}
