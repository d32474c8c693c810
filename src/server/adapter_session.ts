/**
 * The session of a registered adapter: it encodes replies in the adapter's dialect and numbers the
 * frames. With the capability `resume` a session survives lost connections and restarts of the gateway.
 */

import type { ReplyConnection } from "../delivery/port.ts";
import { encodeReply } from "../protocol/encode.ts";
import type { Dialect } from "../domain/message.ts";
import type { ReplyFrame } from "../domain/reply.ts";
import type { StoredAdapterSession } from "../store/frame_store.ts";
import type { Connection } from "./connection.ts";
import { ReplayBuffer } from "./replay_buffer.ts";

/** What an adapter says about itself when it registers. */
export interface AdapterIdentity {
  readonly nodeId: string;
  readonly platform: string;
  readonly capabilities: readonly string[];
}

/** Options of an {@linkcode AdapterSession}. */
export interface AdapterSessionOptions {
  readonly identity: AdapterIdentity;
  readonly sessionId: string;
  /** Missing until the adapter resumes a stored session. */
  readonly connection?: Connection;
  /** Called when what must be persisted has changed. */
  readonly onChange?: (session: AdapterSession) => void;
}

interface AckWaiter {
  readonly seq: number;
  readonly resolve: (arrived: boolean) => void;
}

export class AdapterSession implements ReplyConnection {
  readonly identity: AdapterIdentity;
  readonly sessionId: string;
  readonly streaming: boolean;
  readonly approvals: boolean;
  /** The dialect of its last message; before the first, the one its `register` suggests. */
  dialect: Dialect = "clara-1";
  readonly #onChange?: (session: AdapterSession) => void;
  /** Undefined if the adapter cannot resume. */
  #buffer?: ReplayBuffer;
  #connection?: Connection;
  #seq = 0;
  /** The last frame the adapter has acknowledged. */
  #acked = 0;
  #ackWaiters: AckWaiter[] = [];
  #writableWaiters: (() => void)[] = [];
  #ended = false;
  #shuttingDown = false;
  /** Whether it was restored from the store and has not been resumed yet. */
  #restored = false;
  /** Requests whose end an earlier process sent, with the number of the terminal frame. */
  #endedEarlier: Map<string, number> = new Map();
  readonly #nextSeq = () => ++this.#seq;

  constructor({ identity, sessionId, connection, onChange }: AdapterSessionOptions) {
    this.identity = identity;
    this.sessionId = sessionId;
    this.#connection = connection;
    this.#onChange = onChange;
    this.streaming = identity.capabilities.includes("streaming");
    this.approvals = identity.capabilities.includes("approvals");
    if (identity.capabilities.includes("resume")) this.#buffer = new ReplayBuffer();
  }

  /** Restores a session of an earlier process. It has no connection yet. */
  static restore(
    stored: StoredAdapterSession,
    { onChange }: Pick<AdapterSessionOptions, "onChange"> = {},
  ): AdapterSession {
    const { sessionId, nodeId, platform, capabilities, lastSeq, before, frames } = stored;
    const identity = { nodeId, platform, capabilities };
    const session = new AdapterSession({ identity, sessionId, onChange });
    const buffer = new ReplayBuffer({ before });
    frames.forEach((frame) => buffer.push(frame));
    session.#buffer = buffer;
    session.#seq = lastSeq;
    session.#restored = true;
    return session;
  }

  /** Undefined while the adapter is away. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Whether the adapter may resume it on another connection. */
  get resumable(): boolean {
    return this.#buffer !== undefined && !this.#ended;
  }

  get writable(): boolean {
    return this.#connection?.writable ?? false;
  }

  send(dialect: Dialect, frame: ReplyFrame): void {
    if (this.#ended || !this.#buffer && !this.#connection?.open) return;
    // Frames without numbers cannot be replayed.
    if (dialect !== "clara-1" && this.#buffer) {
      this.#buffer = undefined;
      this.#onChange?.(this);
    }
    const wire = encodeReply(dialect, frame, this.#nextSeq);
    if (!wire) return;
    // The reply is being sent again, or a new request uses its id.
    this.#endedEarlier.delete(frame.requestId);
    if (this.#buffer) this.#sendBuffered(this.#buffer, JSON.stringify(wire));
    else this.#connection?.send(wire);
  }

  #sendBuffered(buffer: ReplayBuffer, text: string): void {
    buffer.push(text);
    this.#onChange?.(this);
    // Replies whose frames were dropped unacknowledged are sent again when the adapter registers.
    this.#settleAcks(buffer.before, false);
    this.#connection?.sendText(text);
  }

  whenWritable(callback: () => void): void {
    if (this.#connection) this.#connection.whenWritable(callback);
    else if (this.#ended) callback();
    else this.#writableWaiters.push(callback);
  }

  /** See {@linkcode ReplyConnection.flushed}. With `resume` only acknowledgements count. */
  flushed(endOf?: string): Promise<boolean> {
    const ended = endOf === undefined ? undefined : this.#endedEarlier.get(endOf);
    if (this.#buffer) return this.#acknowledged(ended ?? this.#seq);
    return this.#connection?.flushed() ?? Promise.resolve(false);
  }

  hasEnded(requestId: string): boolean {
    return this.#endedEarlier.has(requestId);
  }

  /** Records that all frames up to number `seq` have arrived. */
  acknowledge(seq: number): void {
    if (!this.#buffer || seq > this.#seq) return;
    this.#acked = Math.max(this.#acked, seq);
    this.#buffer.acknowledge(seq);
    this.#onChange?.(this);
    this.#settleAcks(this.#acked, true);
  }

  /** Whether the session can continue after frame number `lastSeq`. */
  canResume({ sessionId, lastSeq }: { readonly sessionId: string; readonly lastSeq: number }) {
    return this.resumable && sessionId === this.sessionId && lastSeq <= this.#seq &&
      this.#buffer?.after(lastSeq) !== undefined;
  }

  /**
   * Returns its state to persist, with the frames after number `seq` that are still kept, or undefined
   * if it cannot be resumed.
   */
  snapshotAfter(seq: number): StoredAdapterSession | undefined {
    const buffer = this.#buffer;
    if (!buffer || this.#ended) return undefined;
    const { before } = buffer;
    return {
      ...this.identity,
      sessionId: this.sessionId,
      lastSeq: this.#seq,
      before,
      frames: buffer.after(Math.max(seq, before))!,
    };
  }

  /** Drops all buffered frames. Only an adapter that has received everything can still resume. */
  dropFrames(): void {
    this.#buffer?.acknowledge(this.#seq);
    this.#onChange?.(this);
  }

  /** Detaches the lost connection. Frames are buffered until the adapter resumes. */
  detach(): void {
    this.#connection = undefined;
    if (this.#shuttingDown) this.#rejectAcks();
  }

  /** Stops waiting for acknowledgements of an adapter that is away: they cannot arrive any more. */
  beginShutdown(): void {
    this.#shuttingDown = true;
    if (!this.#connection) this.#rejectAcks();
  }

  /** Continues on another connection: sends the frames after number `lastSeq` again. */
  resume(connection: Connection, lastSeq: number): void {
    this.#connection = connection;
    const buffer = this.#buffer!;
    // Before acknowledging: a reply whose end has arrived must not be sent again either.
    if (this.#restored) this.#endedEarlier = buffer.endedRequests();
    this.#restored = false;
    for (const frame of buffer.after(lastSeq)!) connection.sendText(frame);
    this.acknowledge(lastSeq);
    const waiters = this.#writableWaiters;
    this.#writableWaiters = [];
    // The replay may have filled the new connection; then they wait for that one.
    waiters.forEach((callback) => this.whenWritable(callback));
  }

  /** Ends the session. Replies that have not arrived are sent again in the adapter's next one. */
  end(): void {
    this.#ended = true;
    this.#onChange?.(this);
    this.#rejectAcks();
    this.#writableWaiters.forEach((callback) => callback());
    this.#writableWaiters = [];
  }

  #rejectAcks(): void {
    this.#ackWaiters.forEach(({ resolve }) => resolve(false));
    this.#ackWaiters = [];
  }

  #settleAcks(upTo: number, arrived: boolean): void {
    if (this.#ackWaiters.length === 0) return;
    const settled = this.#ackWaiters.filter(({ seq }) => seq <= upTo);
    this.#ackWaiters = this.#ackWaiters.filter(({ seq }) => seq > upTo);
    settled.forEach(({ resolve }) => resolve(arrived));
  }

  #acknowledged(seq: number): Promise<boolean> {
    if (this.#ended) return Promise.resolve(false);
    if (this.#acked >= seq) return Promise.resolve(true);
    if (this.#shuttingDown && !this.#connection) return Promise.resolve(false);
    return new Promise((resolve) => this.#ackWaiters.push({ seq, resolve }));
  }
}
