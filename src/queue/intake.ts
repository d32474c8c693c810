/**
 * Accepts messages: commits a message, queues it, and only then reports it as accepted. Also requeues
 * at startup the requests that the previous process did not finish.
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
import type { QueueFull, QueueReservation, Router } from "./router.ts";

const log = logger("queue", "intake");

/** The adapter that sent a message. */
export interface Sender {
  readonly nodeId: string;
  readonly platform: string;
}

/** The result of submitting a message. */
export type Submission =
  /** Accepted and waiting at `position`, from 1. */
  | { readonly type: "queued"; readonly position: number }
  /** Accepted and running. */
  | { readonly type: "running" }
  /** Already known: waiting (with its position) or running. */
  | { readonly type: "duplicate"; readonly position?: number }
  /** Already known and finished: its reply should be sent again. */
  | { readonly type: "answered"; readonly seq: RequestSeq };

/** Options of an {@linkcode Intake}. */
export interface IntakeOptions {
  readonly requests: Pick<RequestStore, "accept" | "unfinished">;
  readonly router: Router;
  readonly events: EventBus;
  /** The overlap mode of a channel, for messages that do not set one. */
  readonly overlapOf: (channelKey: string) => Overlap;
  /** This process's claim on a message whose turn starts as soon as it is committed. */
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
   * Accepts a message. It is durable when the promise resolves.
   *
   * @throws {GatewayError} `duplicate_conflict`, `queue_full` or `shutting_down`.
   */
  async submit(sender: Sender, submitted: UserMessage): Promise<Submission> {
    const { requests, events, overlapOf, newClaim } = this.#options;
    const { requestId } = submitted;
    this.#assertOpen(requestId);
    const channelKey = platformKey(sender.platform, submitted.channel.id);
    const message = { ...submitted, overlap: submitted.overlap ?? overlapOf(channelKey) };
    const serialized = serialize(message);
    const place = this.#reserve(sender, { channelKey, message, bytes: serialized.bytes });
    const reservation = place.full ? undefined : place;
    const now = this.#now();
    // Claiming in the same transaction saves a commit, the slowest step before the model is called.
    const claims = reservation?.startsNow && message.overlap !== "collect";
    const acceptance = await requests.accept({
      ...sender,
      channelKey,
      digest: digestOf(message),
      message,
      serialized,
      hasCapacity: reservation !== undefined,
      claim: claims ? newClaim(now) : undefined,
      now,
    }).catch((error) => {
      reservation?.release();
      throw error;
    });
    if (acceptance.type !== "accepted") reservation?.release();
    switch (acceptance.type) {
      case "accepted": {
        const position = reservation!.enqueue(acceptance.request);
        events.emit("message:received", {
          ...eventOrigin({ ...sender, message }),
          content: message.content,
        });
        return position === 0 ? { type: "running" } : { type: "queued", position };
      }
      case "duplicate": {
        if (acceptance.state === "done") return { type: "answered", seq: acceptance.seq };
        const position = this.#options.router.position({ nodeId: sender.nodeId, requestId });
        return { type: "duplicate", position: position || undefined };
      }
      case "conflict":
        throw new GatewayError(
          "duplicate_conflict",
          `Cannot accept request "${requestId}": a different message was sent with this id. ` +
            "Use a new id for each message.",
          { requestId },
        );
      case "full":
        throw queueFull(requestId, place.full!);
    }
  }

  /** Cancels a request of an adapter. Returns false if it is neither waiting nor running. */
  cancelRequest(sender: Sender, requestId: string): boolean {
    return this.#options.router.cancel({ nodeId: sender.nodeId, requestId });
  }

  /** Cancels all requests of an adapter in a channel. Returns their number. */
  cancelChannel(sender: Sender, channelId: string): number {
    const channelKey = platformKey(sender.platform, channelId);
    return this.#options.router.cancelChannel({ nodeId: sender.nodeId, channelKey });
  }

  /** Requeues accepted requests that the previous process did not finish. Returns their number. */
  async recover(): Promise<number> {
    const unfinished = await this.#options.requests.unfinished();
    for (const request of unfinished) this.#options.router.enqueue(request);
    if (unfinished.length > 0) {
      log.info("Requeued {count} unfinished requests of the previous run", {
        count: unfinished.length,
      });
    }
    return unfinished.length;
  }

  /** Accepts no more messages. */
  close(): void {
    this.#closed = true;
  }

  #assertOpen(requestId: string): void {
    if (!this.#closed) return;
    throw new GatewayError(
      "shutting_down",
      `Cannot accept request "${requestId}": the gateway is shutting down. Send it again after ` +
        "reconnecting.",
      { requestId, recoverable: true },
    );
  }

  #reserve(
    { nodeId }: Sender,
    { channelKey, message, bytes }: {
      readonly channelKey: string;
      readonly message: UserMessage;
      readonly bytes: number;
    },
  ): QueueReservation | QueueFull | ChannelBusy {
    const { router } = this.#options;
    if (message.overlap === "reject" && router.isBusy(channelKey)) return { full: "busy" };
    return router.reserve({ channelKey, nodeId, bytes });
  }
}

/** A message with overlap `reject` arrived in a channel that is not idle. */
interface ChannelBusy {
  readonly full: "busy";
}

/** By `details.reason`. */
const fullTexts = {
  busy: "the channel is busy. Send it again when the current message is answered.",
  channel: "the channel's queue is full. Send it again when some messages are answered.",
  bytes: "the unanswered messages leave no room for one of this size from this adapter. Send it " +
    "again when some messages are answered, or increase CLARA_MAX_QUEUED_BYTES.",
} as const;

function queueFull(requestId: string, reason: keyof typeof fullTexts): GatewayError {
  return new GatewayError(
    "queue_full",
    `Cannot accept request "${requestId}": ${fullTexts[reason]}`,
    { requestId, recoverable: true, details: { reason } },
  );
}

function serialize(message: UserMessage): SerializedJson {
  const text = JSON.stringify(message);
  return { text, bytes: Buffer.byteLength(text) };
}

/** Identifies the content of a message. Omits fields that an adapter may change when it retries. */
function digestOf(message: UserMessage): string {
  const { user, channel, content, attachments } = message;
  return createHash("sha256")
    .update(JSON.stringify([user.id, channel.id, channel.threadId ?? "", content, attachments]))
    .digest("base64");
}
