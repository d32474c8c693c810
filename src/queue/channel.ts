/** What the router knows of a channel: who runs in it, who waits, and whether it may go on. */

import type { QueuedRequest } from "../domain/request.ts";
import { ChannelQueue } from "./channel_queue.ts";
import { Debounce } from "./debounce.ts";

/**
 * Takes requests that wait in a turn's channel out of the queue, to make them a part of the turn. Who
 * takes them answers for them.
 */
export type TakeWaiting = (
  fits: (request: QueuedRequest) => boolean,
) => readonly QueuedRequest[];

/** A request that runs. */
export interface Turn {
  readonly request: QueuedRequest;
  /** The requests that have become a part of it: their messages are kept until it ends. */
  readonly joined: QueuedRequest[];
  readonly abort: AbortController;
}

export class Channel {
  readonly key: string;
  readonly queue = new ChannelQueue();
  readonly hold: Debounce;
  /** Places kept for messages that are being committed. */
  reserved = 0;
  /** Whether one of them is to run as soon as it is committed: until then nothing else does. */
  starting = false;
  running?: Turn;
  /** Whether it stands in the line of channels that could run. */
  ready = false;

  /** `onQuiet` is called when it has been quiet for `collectMs` after what it collects. */
  constructor(key: string, { collectMs, onQuiet }: {
    readonly collectMs: number;
    readonly onQuiet: (channel: Channel) => void;
  }) {
    this.key = key;
    this.hold = new Debounce(collectMs, () => onQuiet(this));
  }

  /** How many places are taken. */
  get taken(): number {
    return this.queue.size + this.reserved;
  }

  /** Whether a turn runs or is about to. */
  get occupied(): boolean {
    return this.running !== undefined || this.starting;
  }

  /** Whether nothing is known of it that is worth keeping. */
  get idle(): boolean {
    return !this.running && this.taken === 0 && !this.ready;
  }

  /** Whether its next request could run, and it does not stand in line for that yet. */
  get startable(): boolean {
    return !this.ready && !this.occupied && this.queue.size > 0 && !this.hold.on;
  }
}
