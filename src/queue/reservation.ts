/** A place in the queue for a message that is on its way into it. The router keeps it, the intake fills it. */

import type { QueuedRequest } from "../domain/request.ts";

/** A place that is kept for a message while it is committed. */
export interface QueueReservation {
  /** Which limit leaves no place, where there is none: the channel's messages, or the bytes of all. */
  readonly full?: "channel" | "bytes";
  /**
   * Whether the message's turn begins as soon as it is committed, since nothing is in its way: then it
   * may be claimed with the same commit.
   */
  readonly next: boolean;
  /** Puts the committed request into this place, which it gives back; as the router's `enqueue`. */
  enter(request: QueuedRequest): number;
  /** Gives the place back, where it was not entered. */
  release(): void;
}

/** What is given where a limit leaves no place. */
export function noReservation(full: "channel" | "bytes"): QueueReservation {
  return {
    full,
    next: false,
    enter() {
      throw new Error(`There is no place for this message: ${full}`);
    },
    release() {},
  };
}
