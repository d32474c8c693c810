/**
 * All replies that are on their way. The processor opens and finishes them; the server says when an
 * adapter is back, and it then gets what it missed, each reply once.
 */

import { errorText } from "../lib/error_text.ts";
import { logger } from "../logging/log.ts";
import type { Outcome, RequestSeq } from "../domain/request.ts";
import type { RequestStore, UndeliveredReply } from "../store/request_store.ts";
import { waitAtMost } from "../lib/wait.ts";
import type { ReplyConnection, ReplyTransport } from "./port.ts";
import { Reply, type ReplyOptions } from "./reply.ts";

const log = logger("delivery", "replies");

/** What {@linkcode Replies} are given. */
export interface RepliesOptions {
  readonly requests: Pick<RequestStore, "markDelivered" | "undelivered" | "reply">;
  readonly outlet: ReplyTransport;
  readonly now?: () => number;
}

export class Replies {
  readonly #options: RepliesOptions;
  readonly #now: () => number;
  /** Replies that grow or whose end is leaving. */
  readonly #live = new Map<RequestSeq, Reply>();
  /** The deliveries of those whose end is leaving. */
  readonly #finishing = new Map<RequestSeq, Promise<void>>();
  /** Those that were delivered while the store was being asked what was not. */
  readonly #deliveredMeanwhile = new Set<RequestSeq>();
  #asking = 0;
  #whenSettled?: () => void;

  constructor(options: RepliesOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Begins a reply. */
  open(seq: RequestSeq, options: Omit<ReplyOptions, "outlet">): Reply {
    const reply = new Reply({ ...options, outlet: this.#options.outlet });
    this.#live.set(seq, reply);
    return reply;
  }

  /** Gives up a reply without an end: its request goes back into the queue. */
  abandon(seq: RequestSeq): void {
    this.#drop(seq);
  }

  /** Sends a reply's end, which must be durable, and notes when the adapter has been sent it all. */
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
      if (this.#asking > 0) this.#deliveredMeanwhile.add(seq);
    } catch (error) {
      log.warn("Cannot note that a reply was delivered; it may be sent again: {error}", {
        error: errorText(error),
      });
    } finally {
      this.#drop(seq);
    }
  }

  /** Sends the reply of a finished request once more, because its message was sent once more. */
  async resend(seq: RequestSeq): Promise<void> {
    // Its end is about to leave: that is the answer. Where it has left already, another follows.
    if (this.#live.has(seq) && !this.#finishing.has(seq)) return;
    await this.#finishing.get(seq);
    const stored = await this.#options.requests.reply(seq);
    if (stored) this.#sendStored(stored);
  }

  /** An adapter is connected (again): brings it up to date on all that concerns it. */
  async attach(nodeId: string): Promise<void> {
    for (const reply of this.#live.values()) if (reply.nodeId === nodeId) reply.sync();
    this.#asking++;
    try {
      await this.#sendMissed(nodeId);
    } finally {
      if (--this.#asking === 0) this.#deliveredMeanwhile.clear();
    }
  }

  /** Resolves when no reply is on its way any more, or after `timeoutMs`. */
  async settle(timeoutMs: number): Promise<void> {
    if (this.#live.size === 0) return;
    await waitAtMost(new Promise<void>((resolve) => this.#whenSettled = resolve), timeoutMs);
  }

  async #sendMissed(nodeId: string): Promise<void> {
    let after: RequestSeq | undefined = 0;
    while (after !== undefined) {
      const page: readonly UndeliveredReply[] = await this.#options.requests
        .undelivered(nodeId, { after });
      for (const stored of page) {
        if (this.#deliveredMeanwhile.has(stored.seq)) continue;
        const link = this.#options.outlet.connection(nodeId);
        // In a session of an earlier process its end may be on its way: then that is waited for.
        this.#sendStored(stored, link?.hasEnded(stored.requestId) ? link : undefined);
        // One at a time where the adapter does not keep up: the backlog may be large.
        if (!await this.#writable(nodeId)) return;
      }
      after = page.at(-1)?.seq;
    }
  }

  /** Resolves with true when the adapter takes more, with false when its connection is gone. */
  async #writable(nodeId: string): Promise<boolean> {
    const { outlet } = this.#options;
    const link = outlet.connection(nodeId);
    if (link && !link.writable) await new Promise<void>((resolve) => link.whenWritable(resolve));
    return link !== undefined && outlet.connection(nodeId) === link;
  }

  #drop(seq: RequestSeq): void {
    this.#live.delete(seq);
    this.#finishing.delete(seq);
    if (this.#live.size === 0) this.#whenSettled?.();
  }

  #sendStored(stored: UndeliveredReply, sentOver?: ReplyConnection): void {
    if (this.#live.has(stored.seq)) return;
    const { nodeId, requestId, dialect, outcome } = stored;
    // Only a reply has a start that tells of a model.
    const { model, tier } = outcome.type === "reply"
      ? outcome
      : { model: "", tier: "mid" as const };
    this.open(stored.seq, { nodeId, requestId, dialect, model, tier, sentOver });
    this.finish(stored.seq, outcome);
  }
}
