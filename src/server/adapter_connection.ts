/**
 * A registered adapter's session, as replies see it: it speaks dialects and counts frames. An adapter
 * with the capability `resume` may lose its connection and take the session up again on another one,
 * also where the gateway was another process by then.
 */

import type { ReplyConnection } from "../delivery/port.ts";
import { encodeReply } from "../protocol/encode.ts";
import type { Dialect } from "../domain/message.ts";
import type { ReplyFrame } from "../domain/reply.ts";
import type { AdapterSession } from "../store/frame_store.ts";
import type { Connection } from "./connection.ts";
import { ReplayBuffer } from "./replay_buffer.ts";
import { endsIn } from "./ended_requests.ts";

/** Who an adapter says it is. */
export interface AdapterIdentity {
  readonly nodeId: string;
  readonly platform: string;
  readonly capabilities: readonly string[];
}

/** What an {@linkcode AdapterConnection} is given. */
export interface AdapterConnectionOptions {
  readonly identity: AdapterIdentity;
  readonly sessionId: string;
  /** Missing where it is still to be taken up. */
  readonly connection?: Connection;
  /** Called when there is more, or less, to be kept of its session. */
  readonly onChange?: (link: AdapterConnection) => void;
}

interface AckWaiter {
  readonly seq: number;
  readonly resolve: (arrived: boolean) => void;
}

export class AdapterConnection implements ReplyConnection {
  readonly identity: AdapterIdentity;
  readonly sessionId: string;
  readonly streaming: boolean;
  readonly approvals: boolean;
  /** That of its last message; before one, the one that its registration looked like. */
  dialect: Dialect = "clara-1";
  readonly #onChange?: (link: AdapterConnection) => void;
  #window?: ReplayBuffer;
  #connection?: Connection;
  #seq = 0;
  /** The last frame that the adapter says has arrived. */
  #acked = 0;
  #ackWaiters: AckWaiter[] = [];
  #writableWaiters: (() => void)[] = [];
  #ended = false;
  /** Whether it waits for nobody any more who has no connection. */
  #leaving = false;
  /** Whether an earlier process has begun it, and nobody has taken it up since. */
  #stored = false;
  /** The number of the last frame of each request whose end an earlier process has sent in it. */
  #endedBefore: Map<string, number> = new Map();
  readonly #nextSeq = () => ++this.#seq;

  constructor({ identity, sessionId, connection, onChange }: AdapterConnectionOptions) {
    this.identity = identity;
    this.sessionId = sessionId;
    this.#connection = connection;
    this.#onChange = onChange;
    this.streaming = identity.capabilities.includes("streaming");
    this.approvals = identity.capabilities.includes("approvals");
    if (identity.capabilities.includes("resume")) this.#window = new ReplayBuffer();
  }

  /** The session that an earlier process has kept; it has no connection. */
  static stored(
    session: AdapterSession,
    { onChange }: Pick<AdapterConnectionOptions, "onChange"> = {},
  ): AdapterConnection {
    const { sessionId, nodeId, platform, capabilities, lastSeq, before, frames } = session;
    const identity = { nodeId, platform, capabilities };
    const link = new AdapterConnection({ identity, sessionId, onChange });
    const window = new ReplayBuffer({ before });
    frames.forEach((frame) => window.push(frame));
    link.#window = window;
    link.#seq = lastSeq;
    link.#stored = true;
    return link;
  }

  /** Its connection; undefined while it has lost it. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Whether it may be taken up on another connection. */
  get resumable(): boolean {
    return this.#window !== undefined && !this.#ended;
  }

  get writable(): boolean {
    return this.#connection?.writable ?? false;
  }

  send(dialect: Dialect, frame: ReplyFrame): void {
    if (this.#ended || !this.#window && !this.#connection?.open) return;
    // What has no numbers cannot be asked for again.
    if (dialect !== "clara-1" && this.#window) {
      this.#window = undefined;
      this.#onChange?.(this);
    }
    const wire = encodeReply(dialect, frame, this.#nextSeq);
    if (!wire) return;
    // Whatever follows belongs to a request of the same id that runs once more.
    this.#endedBefore.delete(frame.requestId);
    if (this.#window) this.#sendKept(this.#window, JSON.stringify(wire));
    else this.#connection?.send(wire);
  }

  #sendKept(window: ReplayBuffer, text: string): void {
    window.push(text);
    this.#onChange?.(this);
    // What has made room without the adapter's word goes out again when it registers anew.
    this.#serveAckWaiters(window.before, false);
    this.#connection?.sendText(text);
  }

  whenWritable(callback: () => void): void {
    if (this.#connection) this.#connection.whenWritable(callback);
    else if (this.#ended) callback();
    else this.#writableWaiters.push(callback);
  }

  /**
   * True when all that was sent so far has arrived: by the word of an adapter that resumes, else as
   * far as the socket tells.
   */
  flushed(endOf?: string): Promise<boolean> {
    const ended = endOf === undefined ? undefined : this.#endedBefore.get(endOf);
    if (this.#window) return this.#arrived(ended ?? this.#seq);
    return this.#connection?.flushed() ?? Promise.resolve(false);
  }

  hasEnded(requestId: string): boolean {
    return this.#endedBefore.has(requestId);
  }

  /** Takes the adapter's word that all frames up to a number have arrived. */
  acknowledge(seq: number): void {
    if (!this.#window || seq > this.#seq) return;
    this.#acked = Math.max(this.#acked, seq);
    this.#window.acknowledge(seq);
    this.#onChange?.(this);
    this.#serveAckWaiters(this.#acked, true);
  }

  /** Whether the session can go on after frame number `seq`. */
  canResume({ sessionId, lastSeq }: { readonly sessionId: string; readonly lastSeq: number }) {
    return this.resumable && sessionId === this.sessionId && lastSeq <= this.#seq &&
      this.#window?.after(lastSeq) !== undefined;
  }

  /**
   * Its session as it is to be kept, with the frames after number `seq`, as far as there are any;
   * undefined where it cannot be taken up again.
   */
  keptAfter(seq: number): AdapterSession | undefined {
    const window = this.#window;
    if (!window || this.#ended) return undefined;
    const { before } = window;
    return {
      ...this.identity,
      sessionId: this.sessionId,
      lastSeq: this.#seq,
      before,
      frames: window.after(Math.max(seq, before))!,
    };
  }

  /** Drops what is kept: only an adapter that has got all so far can go on with the session. */
  forget(): void {
    this.#window?.acknowledge(this.#seq);
    this.#onChange?.(this);
  }

  /** Its connection is gone; what is sent is kept until another one takes its place. */
  detach(): void {
    this.#connection = undefined;
    if (this.#leaving) this.#giveUpAcks();
  }

  /** The gateway stops: an adapter that is away now says nothing to this process any more. */
  leave(): void {
    this.#leaving = true;
    if (!this.#connection) this.#giveUpAcks();
  }

  /** Goes on over another connection: sends again what did not arrive on the last one. */
  resume(connection: Connection, lastSeq: number): void {
    this.#connection = connection;
    const window = this.#window!;
    // Before the acknowledgement: what the adapter has, it must not get once more either.
    if (this.#stored) this.#endedBefore = endsIn(window.after(window.before)!, window.before);
    this.#stored = false;
    for (const frame of window.after(lastSeq)!) connection.sendText(frame);
    this.acknowledge(lastSeq);
    const waiters = this.#writableWaiters;
    this.#writableWaiters = [];
    // What was sent may have been too much for the connection: then they wait for the next one.
    waiters.forEach((callback) => this.whenWritable(callback));
  }

  /** The session is over: what has not arrived must go out another way. */
  end(): void {
    this.#ended = true;
    this.#onChange?.(this);
    this.#giveUpAcks();
    this.#writableWaiters.forEach((callback) => callback());
    this.#writableWaiters = [];
  }

  #giveUpAcks(): void {
    this.#ackWaiters.forEach(({ resolve }) => resolve(false));
    this.#ackWaiters = [];
  }

  #serveAckWaiters(upTo: number, arrived: boolean): void {
    if (this.#ackWaiters.length === 0) return;
    const served = this.#ackWaiters.filter(({ seq }) => seq <= upTo);
    this.#ackWaiters = this.#ackWaiters.filter(({ seq }) => seq > upTo);
    served.forEach(({ resolve }) => resolve(arrived));
  }

  #arrived(seq: number): Promise<boolean> {
    if (this.#ended) return Promise.resolve(false);
    if (this.#acked >= seq) return Promise.resolve(true);
    if (this.#leaving && !this.#connection) return Promise.resolve(false);
    return new Promise((resolve) => this.#ackWaiters.push({ seq, resolve }));
  }
}
