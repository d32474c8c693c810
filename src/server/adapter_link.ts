/**
 * A registered adapter's session, as replies see it: it speaks dialects and counts frames. An adapter
 * with the capability `resume` may lose its connection and take the session up again on another one.
 */

import type { Link } from "../processor/outlet.ts";
import { encodeReply, type WireFrame } from "../protocol/encode.ts";
import type { Dialect } from "../protocol/message.ts";
import type { ReplyFrame } from "../protocol/reply_frame.ts";
import type { Connection } from "./connection.ts";
import { FrameWindow } from "./frame_window.ts";

/** Who an adapter says it is. */
export interface AdapterIdentity {
  readonly nodeId: string;
  readonly platform: string;
  readonly capabilities: readonly string[];
}

interface AckWaiter {
  readonly seq: number;
  readonly resolve: (arrived: boolean) => void;
}

export class AdapterLink implements Link {
  readonly identity: AdapterIdentity;
  readonly sessionId: string;
  readonly streaming: boolean;
  readonly approvals: boolean;
  /** That of its last message; before one, the one that its registration looked like. */
  dialect: Dialect = "clara-1";
  #window?: FrameWindow;
  #connection?: Connection;
  #seq = 0;
  /** The last frame that the adapter says has arrived. */
  #acked = 0;
  #ackWaiters: AckWaiter[] = [];
  #writableWaiters: (() => void)[] = [];
  #ended = false;
  readonly #nextSeq = () => ++this.#seq;

  constructor(identity: AdapterIdentity, sessionId: string, connection: Connection) {
    this.identity = identity;
    this.sessionId = sessionId;
    this.#connection = connection;
    this.streaming = identity.capabilities.includes("streaming");
    this.approvals = identity.capabilities.includes("approvals");
    if (identity.capabilities.includes("resume")) this.#window = new FrameWindow();
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
    if (dialect !== "clara-1") this.#window = undefined;
    const wire = encodeReply(dialect, frame, this.#nextSeq);
    if (!wire) return;
    if (this.#window) this.#keep(this.#window, wire);
    this.#connection?.send(wire);
  }

  #keep(window: FrameWindow, wire: WireFrame): void {
    window.push(this.#seq, wire);
    // What has made room without the adapter's word goes out again when it registers anew.
    this.#serveAckWaiters(window.before, false);
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
  flushed(): Promise<boolean> {
    if (this.#window) return this.#arrived(this.#seq);
    return this.#connection?.flushed() ?? Promise.resolve(false);
  }

  /** Takes the adapter's word that all frames up to a number have arrived. */
  acknowledge(seq: number): void {
    if (!this.#window || seq > this.#seq) return;
    this.#acked = Math.max(this.#acked, seq);
    this.#window.acknowledge(seq);
    this.#serveAckWaiters(this.#acked, true);
  }

  /** Whether the session can go on after frame number `seq`. */
  canResume({ sessionId, lastSeq }: { readonly sessionId: string; readonly lastSeq: number }) {
    return this.resumable && sessionId === this.sessionId && lastSeq <= this.#seq &&
      this.#window?.after(lastSeq) !== undefined;
  }

  /** Its connection is gone; what is sent is kept until another one takes its place. */
  detach(): void {
    this.#connection = undefined;
  }

  /** Goes on over another connection: sends again what did not arrive on the last one. */
  resume(connection: Connection, lastSeq: number): void {
    this.#connection = connection;
    for (const frame of this.#window!.after(lastSeq)!) connection.send(frame);
    this.acknowledge(lastSeq);
    const waiters = this.#writableWaiters;
    this.#writableWaiters = [];
    waiters.forEach((callback) => connection.whenWritable(callback));
  }

  /** The session is over: what has not arrived must go out another way. */
  end(): void {
    this.#ended = true;
    this.#ackWaiters.forEach(({ resolve }) => resolve(false));
    this.#ackWaiters = [];
    this.#writableWaiters.forEach((callback) => callback());
    this.#writableWaiters = [];
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
    return new Promise((resolve) => this.#ackWaiters.push({ seq, resolve }));
  }
}
