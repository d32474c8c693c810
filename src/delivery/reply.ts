/**
 * A reply being delivered to its adapter. It tracks what was sent on which connection: on a new
 * connection it starts over with `start`, which tells the adapter to drop earlier chunks. An adapter
 * that is away receives the reply when it reconnects.
 */

import type { Dialect, Tier } from "../domain/message.ts";
import type { ReplyFrame } from "../domain/reply.ts";
import type { Outcome } from "../domain/request.ts";
import type { ReplyConnection, ReplyTransport } from "./port.ts";

/** Options of a {@linkcode Reply}. */
export interface ReplyOptions {
  readonly nodeId: string;
  readonly requestId: string;
  readonly dialect: Dialect;
  readonly model: string;
  readonly tier: Tier;
  /** Whether it is a proactive message, which is sent as one frame at the end. */
  readonly proactive?: boolean;
  /** The connection on which an earlier process already sent all of it. */
  readonly sentOn?: ReplyConnection;
  readonly transport: ReplyTransport;
}

/** A frame without the ids, which the reply adds. */
type BareFrame = DistributiveOmit<ReplyFrame, "requestId" | "responseId">;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

export class Reply {
  readonly #options: ReplyOptions;
  readonly #responseId: string;
  #text = "";
  /**
   * Text not yet sent on the current connection. Undefined if that was opened after the end: then the
   * terminal frame carries the whole reply.
   */
  #pending?: string = "";
  #connection?: ReplyConnection;
  #waitsUntilWritable = false;
  /** Whether no chunk was sent since the last start. */
  #first = true;
  #outcome?: Outcome;
  /** The connection on which the terminal frame was sent. */
  #endedOn?: ReplyConnection;

  constructor(options: ReplyOptions) {
    this.#options = options;
    this.#responseId = `resp-${crypto.randomUUID()}`;
    if (!options.sentOn) return;
    this.#connection = this.#endedOn = options.sentOn;
    this.#pending = undefined;
  }

  get nodeId(): string {
    return this.#options.nodeId;
  }

  get model(): string {
    return this.#options.model;
  }

  get tier(): Tier {
    return this.#options.tier;
  }

  /** All text so far, sent or not. */
  get text(): string {
    return this.#text;
  }

  /** Announces the reply, if the adapter is connected. */
  start(): void {
    this.sync();
  }

  /** Appends text. It is sent at once if the adapter is connected and keeps up. */
  add(text: string): void {
    this.#text += text;
    this.#pending = (this.#pending ?? "") + text;
    this.sync();
  }

  /** Reports a tool call. An adapter that is away does not receive it later. */
  tool(frame: Extract<BareFrame, { type: "tool_started" | "tool_finished" }>): void {
    if (this.#options.proactive) return;
    this.sync();
    const connection = this.#connection;
    if (!connection) return;
    // Text from before the tool call must arrive first.
    if (connection.streaming) this.#flush(connection);
    this.#send(connection, frame);
  }

  /**
   * Sends the end, which must already be durable. Returns whether the whole reply was delivered; false
   * means that the adapter is away.
   */
  async finish(outcome: Outcome): Promise<boolean> {
    this.#outcome = outcome;
    if (isSilent(outcome)) return true;
    for (;;) {
      this.sync();
      const connection = this.#connection;
      if (!connection) return false;
      const { nodeId, requestId, transport, sentOn } = this.#options;
      if (await connection.flushed(connection === sentOn ? requestId : undefined)) return true;
      if (transport.connection(nodeId) === connection) return false;
      // The connection closed early. If the adapter has already reconnected, send everything again.
    }
  }

  /** Sends what the adapter has not received, on its new connection if it has one. */
  sync(): void {
    if (this.#options.proactive && !this.#outcome) return;
    const connection = this.#options.transport.connection(this.#options.nodeId);
    if (connection !== this.#connection) {
      this.#connection = connection;
      this.#pending = this.#outcome ? undefined : this.#text;
      if (connection && this.#hasStart()) {
        const { model, tier } = this.#options;
        this.#send(connection, { type: "start", model, tier });
        this.#first = true;
      }
    }
    if (!connection || this.#endedOn === connection) return;
    if (this.#outcome) this.#sendEnd(connection, this.#outcome);
    else this.#sendPending(connection);
  }

  /** A request that ended without running has no start frame. */
  #hasStart(): boolean {
    return this.#outcome === undefined || this.#outcome.type === "reply";
  }

  #sendPending(connection: ReplyConnection): void {
    if (!this.#pending || !connection.streaming) return;
    if (connection.writable) this.#flush(connection);
    else if (!this.#waitsUntilWritable) {
      this.#waitsUntilWritable = true;
      connection.whenWritable(() => {
        this.#waitsUntilWritable = false;
        this.sync();
      });
    }
  }

  #flush(connection: ReplyConnection): void {
    if (this.#pending) this.#sendChunk(connection, this.#pending, false);
    this.#pending = "";
  }

  #sendEnd(connection: ReplyConnection, outcome: Outcome): void {
    this.#endedOn = connection;
    if (outcome.type === "reply") {
      if (this.#pending !== undefined) {
        this.#sendChunk(connection, this.#pending, true);
      }
      this.#send(connection, { ...outcome, type: "end" });
    } else if (outcome.type === "error") {
      if (connection.streaming) this.#flush(connection);
      const { partialText: _, ...error } = outcome;
      this.#send(connection, error);
    } else if (outcome.type === "proactive") {
      const { error: _, ...message } = outcome;
      this.#send(connection, message);
    } else {
      this.#send(connection, outcome);
    }
    this.#pending = undefined;
  }

  #sendChunk(connection: ReplyConnection, text: string, done: boolean): void {
    this.#send(connection, { type: "chunk", text, done, ...(this.#first && { first: true }) });
    this.#first = false;
  }

  #send(connection: ReplyConnection, frame: BareFrame): void {
    const { requestId } = this.#options;
    const dialect = frame.type === "proactive" ? connection.dialect : this.#options.dialect;
    connection.send(dialect, { ...frame, requestId, responseId: this.#responseId } as ReplyFrame);
  }
}

/** Whether nothing is sent: a proactive message without content. */
function isSilent(outcome: Outcome): boolean {
  return outcome.type === "proactive" && outcome.text.trim() === "" && outcome.files.length === 0;
}
