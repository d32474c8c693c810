/**
 * Requests that are absorbed into a running turn: further messages of the same user that are answered with it. Each
 * leaves the queue, is stored with the turn's claim, and ends as merged.
 */

import { renderAttachments } from "../context/attachments.ts";
import { userMessage } from "../context/builder.ts";
import type { ContextPart } from "../context/part.ts";
import type { Replies } from "../delivery/replies.ts";
import { type EventBus, eventOrigin } from "../domain/events.ts";
import type { Overlap } from "../domain/message.ts";
import type { AbsorbedRequest, ClaimedRequest, QueuedRequest } from "../domain/request.ts";
import type { LlmMessage } from "../llm/client.ts";
import type { TakeWaiting } from "../queue/channel.ts";
import type { RequestStore } from "../store/request_store.ts";
import { ClaimLostError } from "./journal.ts";
import { retryUntilStored } from "./retry_until_stored.ts";

/** Options of {@linkcode AbsorbedRequests}. */
export interface AbsorbedRequestsOptions {
  readonly requests: Pick<RequestStore, "absorb">;
  readonly replies: Replies;
  readonly events: EventBus;
  /** Takes requests out of the channel's queue. */
  readonly takeWaiting: TakeWaiting;
  /** Aborts when the gateway no longer waits for the store. */
  readonly givenUp: AbortSignal;
  readonly now: () => number;
}

export class AbsorbedRequests {
  readonly #claimed: ClaimedRequest;
  readonly #queued: QueuedRequest;
  readonly #options: AbsorbedRequestsOptions;
  #absorbed: readonly AbsorbedRequest[];

  constructor(queued: QueuedRequest, claimed: ClaimedRequest, options: AbsorbedRequestsOptions) {
    this.#queued = queued;
    this.#claimed = claimed;
    this.#options = options;
    this.#absorbed = claimed.absorbed;
  }

  /** All requests absorbed so far, in order of acceptance. */
  get all(): readonly AbsorbedRequest[] {
    return this.#absorbed;
  }

  /** Absorbs what was collected before the turn began. */
  async collect(): Promise<void> {
    if (this.#queued.overlap === "collect") await this.#absorb("collect", -1);
  }

  /** Absorbs what is meant to steer the turn, after a round of tool calls. */
  async steer(round: number): Promise<void> {
    await this.#absorb("steer", round);
  }

  /** The messages of a round as context parts that are never trimmed. */
  parts(round: number, options: { readonly named: boolean }): readonly ContextPart[] {
    return this.messages(round, options).map((message) => ({ kind: "message", message }));
  }

  /** The messages absorbed after a round, as the model is shown them. */
  messages(round: number, { named }: { readonly named: boolean }): readonly LlmMessage[] {
    return this.#absorbed.filter((request) => request.round === round)
      .map(({ message }) => userMessage(message, renderAttachments(message), named));
  }

  /** @throws {ClaimLostError} if another gateway has claimed the channel. */
  async #absorb(overlap: Overlap, round: number): Promise<void> {
    const { requests, givenUp, now, takeWaiting } = this.#options;
    // A task's prompt is answered alone.
    if (this.#claimed.message.task) return;
    const { nodeId, userId, threadId } = this.#queued;
    // A request that was claimed before continues on its own: it may have called tools.
    const taken = takeWaiting((other) =>
      !other.claimed && other.overlap === overlap && other.nodeId === nodeId &&
      other.userId === userId && other.threadId === threadId
    );
    if (taken.length === 0) return;
    const seqs = taken.map(({ seq }) => seq);
    const absorbed = await retryUntilStored(
      () => requests.absorb(this.#claimed.claim, { seqs, round, now: now() }),
      givenUp,
    );
    if (!absorbed) throw new ClaimLostError();
    this.#absorbed = [...this.#absorbed, ...absorbed];
    absorbed.forEach((request) => this.#endAsMerged(request));
  }

  #endAsMerged({ seq, nodeId, platform, message }: AbsorbedRequest): void {
    const { replies, events } = this.#options;
    const { requestId, dialect } = message;
    const mergedInto = this.#claimed.message.requestId;
    events.emit("message:cancelled", {
      ...eventOrigin({ nodeId, platform, message }),
      merged_into: mergedInto,
    });
    replies.open(seq, { nodeId, requestId, dialect, model: "", tier: "mid" });
    replies.finish(seq, { type: "cancelled", mergedInto });
  }
}
