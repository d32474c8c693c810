/** A registered adapter's connection, as replies see it: it speaks dialects and counts frames. */

import type { Link } from "../processor/outlet.ts";
import { encodeReply } from "../protocol/encode.ts";
import type { Dialect } from "../protocol/message.ts";
import type { ReplyFrame } from "../protocol/reply_frame.ts";
import type { Connection } from "./connection.ts";

/** Who an adapter says it is. */
export interface AdapterIdentity {
  readonly nodeId: string;
  readonly platform: string;
  readonly capabilities: readonly string[];
}

export class AdapterLink implements Link {
  readonly identity: AdapterIdentity;
  readonly sessionId: string;
  readonly connection: Connection;
  readonly streaming: boolean;
  readonly approvals: boolean;
  /** That of its last message; before one, the one that its registration looked like. */
  dialect: Dialect = "clara-1";
  #seq = 0;
  readonly #nextSeq = () => ++this.#seq;

  constructor(identity: AdapterIdentity, sessionId: string, connection: Connection) {
    this.identity = identity;
    this.sessionId = sessionId;
    this.connection = connection;
    this.streaming = identity.capabilities.includes("streaming");
    this.approvals = identity.capabilities.includes("approvals");
  }

  get writable(): boolean {
    return this.connection.writable;
  }

  send(dialect: Dialect, frame: ReplyFrame): void {
    if (!this.connection.open) return;
    const wire = encodeReply(dialect, frame, this.#nextSeq);
    if (wire) this.connection.send(wire);
  }

  whenWritable(callback: () => void): void {
    this.connection.whenWritable(callback);
  }

  flushed(): Promise<boolean> {
    return this.connection.flushed();
  }
}
