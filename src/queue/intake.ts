/**
 * The way in: a message is committed, then queued; only then is it answered. The server calls it
 * with what an adapter sent, and the gateway at start with what the last run left behind.
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type EventBus, eventOrigin } from "../domain/events.ts";
import { GatewayError } from "../domain/errors.ts";
import { logger } from "../logging/log.ts";
import type { Overlap, UserMessage } from "../domain/message.ts";
import { platformKey } from "../domain/keys.ts";
import type { RequestSeq } from "../domain/request.ts";
import type { NewClaim, RequestStore, SerializedJson } from "../store/request_store.ts";
import type { Router } from "./router.ts";

const log = logger("queue", "intake");

/** Who sends. */
export interface Sender {
  readonly nodeId: string;
  readonly platform: string;
}

/** What became of a message. */
export type Submission =
  /** It was accepted and waits; `position` counts from 1. */
  | { readonly type: "queued"; readonly position: number }
  /** It was accepted and runs. */
  | { readonly type: "running" }
  /** It was known: it waits (with a position) or runs. */
  | { readonly type: "duplicate"; readonly position?: number }
  /** It was known and has its outcome: the reply wants to be sent again. */
  | { readonly type: "answered"; readonly seq: RequestSeq };

/** What an {@linkcode Intake} is given. */
export interface IntakeOptions {
  readonly requests: Pick<RequestStore, "accept" | "unfinished">;
  readonly router: Router;
  readonly events: EventBus;
  /** What a message does that meets a running turn in its channel, where it does not say itself. */
  readonly overlapOf: (channelKey: string) => Overlap;
  /** This process's claim of a message whose turn begins with its acceptance. */
  readonly newClaim: (now: number) => NewClaim;
  readonly now?: () => number;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #now: () => number;
  #closed = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Takes a message in. When the promise resolves it is durable.
   *
   * @throws {GatewayError} `duplicate_conflict`, `queue_full` or `shutting_down`.
   */
  async submit(sender: Sender, bare: UserMessage): Promise<Submission> {
    const { router, requests, events, overlapOf, newClaim } = this.#options;
    const { requestId } = bare;
    this.#refuseWhenClosed(requestId);
    const channelKey = platformKey(sender.platform, bare.channel.id);
    const message = { ...bare, overlap: bare.overlap ?? overlapOf(channelKey) };
    const serialized = keptTextOf(message);
    const { nodeId } = sender;
    const place = message.overlap === "reject" && router.busy(channelKey)
      ? undefined
      : router.reserve({ channelKey, nodeId, bytes: serialized.bytes });
    const full = place ? place.full : "busy";
    const now = this.#now();
    // A turn that begins at once is claimed with the same commit: nothing takes longer before it asks.
    const atOnce = place?.next && message.overlap !== "collect";
    const acceptance = await requests.accept({
      ...sender,
      channelKey,
      digest: digestOf(message),
      message,
      serialized,
      hasCapacity: full === undefined,
      claim: atOnce ? newClaim(now) : undefined,
      now,
    }).catch((error) => {
      place?.release();
      throw error;
    });
    if (acceptance.type !== "accepted") place?.release();
    switch (acceptance.type) {
      case "accepted": {
        const position = place!.enter(acceptance.request);
        events.emit("message:received", {
          ...eventOrigin({ ...sender, message }),
          content: message.content,
        });
        return position === 0 ? { type: "running" } : { type: "queued", position };
      }
      case "duplicate": {
        if (acceptance.state === "done") return { type: "answered", seq: acceptance.seq };
        const position = router.position({ nodeId: sender.nodeId, requestId });
        return { type: "duplicate", position: position || undefined };
      }
      case "conflict":
        throw new GatewayError(
          "duplicate_conflict",
          `Cannot accept request "${requestId}": another message was sent under this id. ` +
            "Give each message an id of its own.",
          { requestId },
        );
      case "full":
        throw queueFull(requestId, full!);
    }
  }

  /** Cancels one request of an adapter; false when it neither waits nor runs. */
  cancelRequest(sender: Sender, requestId: string): boolean {
    return this.#options.router.cancel({ nodeId: sender.nodeId, requestId });
  }

  /** Cancels all requests of an adapter in a channel; gives their count. */
  cancelChannel(sender: Sender, channelId: string): number {
    const channelKey = platformKey(sender.platform, channelId);
    return this.#options.router.cancelChannel({ nodeId: sender.nodeId, channelKey });
  }

  /** Queues what an earlier run accepted and did not finish; gives its count. */
  async recover(): Promise<number> {
    const unfinished = await this.#options.requests.unfinished();
    for (const request of unfinished) this.#options.router.enqueue(request);
    if (unfinished.length > 0) {
      log.info("Requests that the last run left and this one takes up: {count}", {
        count: unfinished.length,
      });
    }
    return unfinished.length;
  }

  /** From now on no message is accepted. */
  close(): void {
    this.#closed = true;
  }

  #refuseWhenClosed(requestId: string): void {
    if (!this.#closed) return;
    throw new GatewayError(
      "shutting_down",
      `Cannot accept request "${requestId}": the gateway is stopping. Send it again after you have ` +
        "reconnected.",
      { requestId, recoverable: true },
    );
  }
}

/** Why there was no room, in the words of `details.reason`. */
const fullTexts = {
  busy: "another message is being answered in this channel. Send it again when that is done.",
  channel:
    "as many messages as allowed wait in this channel. Send it again when some are answered.",
  bytes:
    "the messages that wait and run are too large for one more of this size from this adapter. " +
    "Send it again when some are answered, or have CLARA_MAX_QUEUED_BYTES raised.",
} as const;

function queueFull(requestId: string, reason: keyof typeof fullTexts): GatewayError {
  return new GatewayError(
    "queue_full",
    `Cannot accept request "${requestId}": ${fullTexts[reason]}`,
    { requestId, recoverable: true, details: { reason } },
  );
}

/** A message as the store keeps it. */
function keptTextOf(message: UserMessage): SerializedJson {
  const text = JSON.stringify(message);
  return { text, bytes: Buffer.byteLength(text) };
}

/** Tells apart what users would call different messages; what an adapter adds at each try is left out. */
function digestOf(message: UserMessage): string {
  const { user, channel, content, attachments } = message;
  return createHash("sha256")
    .update(JSON.stringify([user.id, channel.id, channel.threadId ?? "", content, attachments]))
    .digest("base64");
}
