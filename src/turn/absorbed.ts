/**
 * The requests that become a part of a running turn: further messages of the same user that are
 * answered with it. Each is taken out of the queue, kept with the turn's claim, and told that it was
 * merged. Made by the processor for each turn.
 */

import { type EventBus, eventOrigin } from "../domain/events.ts";
import type { ContextPart } from "../context/part.ts";
import type { LlmMessage } from "../llm/client.ts";
import type { Overlap } from "../domain/message.ts";
import type { TakeWaiting } from "../queue/channel.ts";
import type { AbsorbedRequest, ClaimedRequest, QueuedRequest } from "../domain/request.ts";
import type { RequestStore } from "../store/request_store.ts";
import { renderAttachments } from "../context/attachments.ts";
import { ClaimLostError } from "./journal.ts";
import { userMessage } from "../context/builder.ts";
import type { Replies } from "../delivery/replies.ts";
import { retryUntilStored } from "./retry_until_stored.ts";

/** What {@linkcode AbsorbedRequests} are given. */
export interface AbsorbedRequestsOptions {
  readonly requests: Pick<RequestStore, "absorb">;
  readonly replies: Replies;
  readonly events: EventBus;
  /** Takes what waits in the turn's channel. */
  readonly takeWaiting: TakeWaiting;
  /** Aborts when the gateway waits for the store no longer. */
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

  /** All that have come in so far, in order of acceptance. */
  get all(): readonly AbsorbedRequest[] {
    return this.#absorbed;
  }

  /** Takes in what has been collected before the turn began. */
  async collect(): Promise<void> {
    if (this.#queued.overlap === "collect") await this.#absorb("collect", -1);
  }

  /** Takes in what wants to join the running turn after a round of tool calls. */
  async steer(round: number): Promise<void> {
    await this.#absorb("steer", round);
  }

  /** The same as parts of the context that are never left out. */
  parts(round: number, options: { readonly named: boolean }): readonly ContextPart[] {
    return this.messages(round, options).map((message) => ({ kind: "message", message }));
  }

  /** What came in after a round, as the model is told it. */
  messages(round: number, { named }: { readonly named: boolean }): readonly LlmMessage[] {
    return this.#absorbed.filter((request) => request.round === round)
      .map(({ message }) => userMessage(message, renderAttachments(message), named));
  }

  /** @throws {ClaimLostError} when another gateway has the channel. */
  async #absorb(overlap: Overlap, round: number): Promise<void> {
    const { requests, givenUp, now } = this.#options;
    // What nobody has asked is answered alone.
    if (this.#claimed.message.task) return;
    const { nodeId, userId, threadId } = this.#queued;
    // One whose turn has begun before goes on with it: it may have called tools.
    const taken = this.#options.takeWaiting((other) =>
      !other.claimed && other.overlap === overlap && other.nodeId === nodeId &&
      other.userId === userId &&
      other.threadId === threadId
    );
    if (taken.length === 0) return;
    const seqs = taken.map(({ seq }) => seq);
    const absorbed = await retryUntilStored(
      () => requests.absorb(this.#claimed.claim, { seqs, round, now: now() }),
      givenUp,
    );
    if (!absorbed) throw new ClaimLostError();
    this.#absorbed = [...this.#absorbed, ...absorbed];
    absorbed.forEach((request) => this.#tell(request));
  }

  #tell({ seq, nodeId, platform, message }: AbsorbedRequest): void {
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
