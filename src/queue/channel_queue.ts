/** The requests that wait in one channel. Used by the router. */

import type { Priority } from "../domain/message.ts";
import { priorities } from "../domain/message.ts";
import type { QueuedRequest } from "../domain/request.ts";

/** How often a waiting priority may be overtaken before its turn comes all the same. */
const maxOvertakes = 8;

/**
 * A queue that is first in, first out within a priority, high before normal before low. A priority
 * that was overtaken {@linkcode maxOvertakes} times goes next, so that none starves.
 */
export class ChannelQueue {
  readonly #lanes: Record<Priority, QueuedRequest[]> = { high: [], normal: [], low: [] };
  readonly #overtaken: Record<Priority, number> = { high: 0, normal: 0, low: 0 };

  /** How many wait. */
  get size(): number {
    return this.#lanes.high.length + this.#lanes.normal.length + this.#lanes.low.length;
  }

  push(request: QueuedRequest): void {
    this.#lanes[request.priority].push(request);
  }

  /** Takes the next one out. */
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

  /** Takes one out by its number; false when it does not wait here. */
  remove(request: QueuedRequest): boolean {
    const lane = this.#lanes[request.priority];
    const index = lane.findIndex(({ seq }) => seq === request.seq);
    if (index >= 0) lane.splice(index, 1);
    return index >= 0;
  }

  /** Takes out all that fit, in order of arrival. */
  take(fits: (request: QueuedRequest) => boolean): readonly QueuedRequest[] {
    const taken = [...this].filter(fits);
    taken.forEach((request) => this.remove(request));
    return taken.sort((a, b) => a.seq - b.seq);
  }

  /** The place of a waiting request, from 1, as long as none of a higher priority comes. */
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

  /** All that wait, in no promised order. */
  *[Symbol.iterator](): Iterator<QueuedRequest> {
    for (const priority of priorities) yield* this.#lanes[priority];
  }
}
