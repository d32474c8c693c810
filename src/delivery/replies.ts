/**
 * All replies being delivered. The turn runner opens and finishes them. The server reports each adapter
 * that connects, which then receives the replies it missed, each once.
 */

import { errorText } from "../lib/error_text.ts";
import { logger } from "../logging/log.ts";
import type { Outcome, RequestSeq } from "../domain/request.ts";
import type { RequestStore, UndeliveredReply } from "../store/request_store.ts";
import { waitAtMost } from "../lib/wait.ts";
import type { ReplyConnection, ReplyTransport } from "./port.ts";
import { Reply, type ReplyOptions } from "./reply.ts";

const log = logger("delivery", "replies");

/** Options of {@linkcode Replies}. */
export interface RepliesOptions {
  readonly requests: Pick<RequestStore, "markDelivered" | "undelivered" | "reply">;
  readonly transport: ReplyTransport;
  readonly now?: () => number;
}

export class Replies {
  readonly #options: RepliesOptions;
  readonly #now: () => number;
  /** Replies that are open, or whose end is being delivered. */
  readonly #live = new Map<RequestSeq, Reply>();
  /** Deliveries in progress. */
  readonly #finishing = new Map<RequestSeq, Promise<void>>();
  /** Replies delivered while the store was being queried for undelivered ones. */
  readonly #deliveredDuringQuery = new Set<RequestSeq>();
  #queries = 0;
  #onSettled?: () => void;

  constructor(options: RepliesOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Opens a reply. */
  open(seq: RequestSeq, options: Omit<ReplyOptions, "transport">): Reply {
    const reply = new Reply({ ...options, transport: this.#options.transport });
    this.#live.set(seq, reply);
    return reply;
  }

  /** Drops a reply without an end, because its request returns to the queue. */
  abandon(seq: RequestSeq): void {
    this.#drop(seq);
  }

  /** Sends the end of a reply, which must be durable, and records the delivery in the store. */
  finish(seq: RequestSeq, outcome: Outcome): Promise<void> {
    const reply = this.#live.get(seq);
    if (!reply) return Promise.resolve();
    const finishing = this.#finish(reply, seq, outcome);
    this.#finishing.set(seq, finishing);
    return finishing;
  }

  async #finish(reply: Reply, seq: RequestSeq, outcome: Outcome): Promise<void> {
    try {
      if (!await reply.finish(outcome)) return;
      await this.#options.requests.markDelivered({ seq, now: this.#now() });
      if (this.#queries > 0) this.#deliveredDuringQuery.add(seq);
    } catch (error) {
      log.warn("Cannot mark a reply as delivered; it may be sent again: {error}", {
        error: errorText(error),
      });
    } finally {
      this.#drop(seq);
    }
  }

  /** Sends a finished reply again, because its message was sent again. */
  async resend(seq: RequestSeq): Promise<void> {
    // The end is still to be sent, and will answer the repeated message too.
    if (this.#live.has(seq) && !this.#finishing.has(seq)) return;
    await this.#finishing.get(seq);
    const stored = await this.#options.requests.reply(seq);
    if (stored) this.#sendStored(stored);
  }

  /** Sends an adapter that has connected everything it missed. */
  async attach(nodeId: string): Promise<void> {
    for (const reply of this.#live.values()) if (reply.nodeId === nodeId) reply.sync();
    this.#queries++;
    try {
      await this.#sendMissed(nodeId);
    } finally {
      if (--this.#queries === 0) this.#deliveredDuringQuery.clear();
    }
  }

  /** Resolves when all deliveries have ended, or after `timeoutMs`. */
  async settle(timeoutMs: number): Promise<void> {
    if (this.#live.size === 0) return;
    await waitAtMost(new Promise<void>((resolve) => this.#onSettled = resolve), timeoutMs);
  }

  async #sendMissed(nodeId: string): Promise<void> {
    let after: RequestSeq | undefined = 0;
    while (after !== undefined) {
      const page: readonly UndeliveredReply[] = await this.#options.requests
        .undelivered(nodeId, { after });
      for (const stored of page) {
        if (this.#deliveredDuringQuery.has(stored.seq)) continue;
        const connection = this.#options.transport.connection(nodeId);
        // If an earlier process already sent the end in this session, only wait for its arrival.
        this.#sendStored(stored, connection?.hasEnded(stored.requestId) ? connection : undefined);
        // The backlog may be large, so do not outrun a slow adapter.
        if (!await this.#writable(nodeId)) return;
      }
      after = page.at(-1)?.seq;
    }
  }

  /** Waits until the adapter keeps up. Returns false if its connection is gone. */
  async #writable(nodeId: string): Promise<boolean> {
    const { transport } = this.#options;
    const connection = transport.connection(nodeId);
    if (connection && !connection.writable) {
      await new Promise<void>((resolve) => connection.whenWritable(resolve));
    }
    return connection !== undefined && transport.connection(nodeId) === connection;
  }

  #drop(seq: RequestSeq): void {
    this.#live.delete(seq);
    this.#finishing.delete(seq);
    if (this.#live.size === 0) this.#onSettled?.();
  }

  #sendStored(stored: UndeliveredReply, sentOn?: ReplyConnection): void {
    if (this.#live.has(stored.seq)) return;
    const { nodeId, requestId, dialect, outcome } = stored;
    // Only the start of a reply names a model.
    const { model, tier } = outcome.type === "reply"
      ? outcome
      : { model: "", tier: "mid" as const };
    this.open(stored.seq, { nodeId, requestId, dialect, model, tier, sentOn });
    this.finish(stored.seq, outcome);
  }
}
