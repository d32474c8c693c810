/**
 * Handles the frames of one connection: limits and decodes them, and answers in the adapter's dialect.
 * The handshake registers the adapter; all other frames are handled here.
 */

import type { AccessKey } from "../access/authenticator.ts";
import type { MessageRates } from "../access/rates.ts";
import { TokenBucket } from "../access/token_bucket.ts";
import type { Approvals } from "../delivery/approvals.ts";
import type { Replies } from "../delivery/replies.ts";
import { GatewayError, toGatewayError } from "../domain/errors.ts";
import type { Dialect, UserMessage } from "../domain/message.ts";
import { isoTime } from "../lib/iso_time.ts";
import { errorText } from "../lib/error_text.ts";
import { logger } from "../logging/log.ts";
import type { Clara1GatewayFrame } from "../protocol/clara1.ts";
import type { ClaraPyGatewayFrame } from "../protocol/clara_py.ts";
import { type AdapterFrame, decodeFrame } from "../protocol/decode.ts";
import type { Intake, Submission } from "../queue/intake.ts";
import type { McpManager } from "../tools/mcp/manager.ts";
import { closeCodes, type Connection } from "./connection.ts";
import {
  Handshake,
  type HandshakeOptions,
  type Rejection,
  type UnregisteredConnection,
} from "./handshake.ts";
import { handleMcpRequest } from "./mcp_request_handler.ts";
import type { AdapterSession } from "./adapter_session.ts";

const log = logger("server");
const audit = logger("admin", "audit");

type FrameOf<Type extends string> = Extract<AdapterFrame, { readonly type: Type }>;

/** Maximum size of a frame before `register`. */
const maxUnregisteredBytes = 64 * 1024;
/** Frames that a connection may send at once; a quarter of that per second on average. */
const maxFrames = 20_000;
const frameRate = { burst: maxFrames, perSecond: maxFrames / 4 };

/** The gateway's load, as shown in `status` frames. */
export interface ServiceFigures {
  readonly active_requests: number;
  readonly queue_length: number;
  readonly uptime_seconds: number;
}

/** What every {@linkcode AdapterConversation} uses. */
export interface ConversationOptions extends HandshakeOptions {
  readonly intake: Pick<Intake, "submit" | "cancelRequest" | "cancelChannel">;
  readonly replies: Pick<Replies, "attach" | "resend">;
  readonly approvals: Pick<Approvals, "answer" | "attach">;
  readonly mcp: McpManager;
  readonly messageRates: Pick<MessageRates, "take">;
  readonly figures: () => ServiceFigures;
}

/** Most connections are idle, so each holds as little state as possible. */
export class AdapterConversation {
  readonly #options: ConversationOptions;
  readonly #connection: Connection;
  readonly #frames = new TokenBucket(frameRate);
  /** Undefined after the registration. */
  #handshake?: Handshake;
  /** Undefined before the registration. */
  #session?: AdapterSession;
  /** The key of the adapter's secret. Undefined if the gateway needs none. */
  #key?: AccessKey;
  /** Messages being committed. A cancel waits for them, so that it finds its request. */
  #submitting?: Set<Promise<void>>;

  constructor(unregistered: UnregisteredConnection, options: ConversationOptions) {
    this.#options = options;
    this.#connection = unregistered.connection;
    this.#handshake = new Handshake(unregistered, options, (rejection) => this.#reject(rejection));
  }

  /** The dialect that the adapter last used; `clara-1` before it registers. */
  get dialect(): Dialect {
    return this.#session?.dialect ?? "clara-1";
  }

  /** Handles data from the socket. Never throws: errors are sent to the adapter. */
  receive(data: unknown): void {
    if (!this.#connection.open) return;
    if (typeof data !== "string") {
      return this.#fail(
        new GatewayError("invalid_message", "Cannot read frame: expected text, found binary data", {
          recoverable: true,
        }),
      );
    }
    if (this.#frames.take() > 0) {
      this.#fail(new GatewayError("rate_limited", "Cannot read frame: too many frames at once"));
      return this.#connection.close(closeCodes.rateLimited, "too many frames");
    }
    const maxBytes = this.#session
      ? this.#options.frameBytes
      : Math.min(this.#options.frameBytes, maxUnregisteredBytes);
    if (exceeds(data, maxBytes)) {
      // An adapter needs to know which message it was.
      const [, requestId] =
        /"(?:request_id|id)"\s{0,9}:\s{0,9}"([^"\\]{1,256})"/.exec(data.slice(0, 4_096)) ??
          [];
      this.#fail(
        new GatewayError("frame_too_large", `Cannot read frame: it exceeds ${maxBytes} bytes`, {
          requestId,
        }),
      );
      return this.#connection.close(closeCodes.frameTooLarge, `over ${maxBytes} bytes`);
    }
    try {
      this.#handle(decodeFrame(data));
    } catch (error) {
      this.#fail(error);
    }
  }

  #handle(frame: AdapterFrame): void {
    if (frame.type === "register") return this.#register(frame);
    const session = this.#session;
    if (!session) {
      const requestId = frame.type === "message" ? frame.message.requestId : undefined;
      throw new GatewayError(
        "not_registered",
        `Cannot handle frame "${frame.type}" before "register": register first`,
        { recoverable: true, requestId },
      );
    }
    switch (frame.type) {
      case "message":
        session.dialect = frame.message.dialect;
        return this.#submit(session, frame.message);
      case "cancel":
        this.#cancel(session, frame).catch((error) => this.#fail(error));
        return;
      case "ping": {
        const { now = Date.now } = this.#options;
        return this.#connection.send({ type: "pong", timestamp: isoTime(now()) });
      }
      case "status":
        return this.#connection.send({ type: "status", ...this.#options.figures() });
      case "ack":
        return session.acknowledge(frame.seq);
      case "approval_response":
        return this.#answerApproval(session, frame);
      default:
        return this.#manageMcp(session, frame);
    }
  }

  #register(frame: FrameOf<"register">): void {
    if (this.#session) {
      throw new GatewayError(
        "invalid_message",
        `Cannot register again: this connection belongs to "${this.#session.identity.nodeId}"`,
        { recoverable: true },
      );
    }
    const result = this.#handshake!.register(frame);
    if ("error" in result) return this.#reject(result);
    this.#session = result.session;
    this.#key = result.key;
    this.#handshake = undefined;
  }

  #submit(session: AdapterSession, message: UserMessage): void {
    const { messageRates, intake } = this.#options;
    const { requestId, user } = message;
    messageRates.take(session.identity, { requestId, userId: user.id });
    const submission = intake.submit(session.identity, message);
    const submitting = this.#submitting ??= new Set();
    const settled = submission.then(() => {}, () => {}).finally(() => submitting.delete(settled));
    submitting.add(settled);
    submission
      .then((result) => this.#reportSubmission(message, result))
      .catch((error) => this.#fail(error, message));
  }

  /** A running message is not reported: its reply follows at once. */
  #reportSubmission(message: UserMessage, submission: Submission): void | Promise<void> {
    if (submission.type === "running") return;
    if (submission.type === "answered") return this.#options.replies.resend(submission.seq);
    this.#connection.send(statusFrame(message, submission, this.#options.figures()));
  }

  async #cancel(session: AdapterSession, frame: FrameOf<"cancel">): Promise<void> {
    await Promise.all(this.#submitting ?? []);
    const { intake } = this.#options;
    const requestId = frame.request_id ?? undefined;
    const found = requestId !== undefined
      ? intake.cancelRequest(session.identity, requestId)
      : intake.cancelChannel(session.identity, frame.channel_id!) > 0;
    if (found) return;
    const target = requestId !== undefined
      ? `request "${requestId}"`
      : `requests in channel "${frame.channel_id}"`;
    throw new GatewayError("not_found", `Cannot cancel ${target}: none is waiting or running`, {
      recoverable: true,
      requestId,
    });
  }

  #answerApproval(session: AdapterSession, frame: FrameOf<"approval_response">): void {
    const { approval_id: id, approved } = frame;
    if (this.#options.approvals.answer(session.identity.nodeId, id, approved)) return;
    throw new GatewayError(
      "not_found",
      `Cannot answer approval "${id}": it is unknown, answered or expired`,
      { recoverable: true },
    );
  }

  /** Installing a server runs a program, so changes need a secret with the scope admin. */
  #manageMcp(session: AdapterSession, frame: FrameOf<`mcp_${string}`>): void {
    const who = `${this.#key?.name ?? "local"} (adapter ${session.identity.nodeId})`;
    const { type, request_id: requestId } = frame;
    const readOnly = type === "mcp_list" || type === "mcp_status";
    const isAdmin = this.#key === undefined || this.#key.scopes.includes("admin");
    if (!readOnly && !isAdmin) {
      audit.warn("Rejected {type} from {who}: requires scope admin", { type, who });
      throw new GatewayError(
        "unauthorized",
        `Cannot handle frame "${type}": it requires a secret with the scope admin`,
        { recoverable: true, requestId },
      );
    }
    handleMcpRequest(this.#options.mcp, frame, who)
      .then((answer) => this.#connection.send(answer));
  }

  #reject({ error, closeCode, closeReason }: Rejection): void {
    this.#fail(error);
    this.#connection.close(closeCode, closeReason);
  }

  /** Sends an error in the dialect of the message it is about, or else of the connection. */
  #fail(thrown: unknown, about?: UserMessage): void {
    const error = toGatewayError(thrown);
    if (error.code === "internal_error") {
      log.error("Cannot handle frame: {error}", { error: errorText(error.cause ?? thrown) });
    }
    const { code, message, recoverable, details } = error;
    const request_id = about?.requestId ?? error.requestId ?? null;
    const dialect = about?.dialect ?? this.dialect;
    this.#connection.send({
      type: "error",
      request_id,
      code,
      message,
      recoverable,
      ...(details && dialect === "clara-1" && { details }),
    });
  }
}

/** The `status` that reports a waiting or known message, in its dialect. */
function statusFrame(
  { dialect, requestId: request_id }: UserMessage,
  { type: state, position }: Extract<Submission, { readonly type: "queued" | "duplicate" }>,
  figures: ServiceFigures,
): Clara1GatewayFrame | ClaraPyGatewayFrame {
  if (dialect === "clara-py") {
    // Python adapters show queue_length as the position in the queue.
    return { type: "status", ...figures, queue_length: position ?? figures.queue_length };
  }
  return { type: "status", request_id, state, ...(position && { position }), ...figures };
}

/** Whether a text has more than `maxBytes` in UTF-8. Encodes it only if its length leaves a doubt. */
function exceeds(text: string, maxBytes: number): boolean {
  if (text.length > maxBytes) return true;
  return text.length * 3 > maxBytes && new TextEncoder().encode(text).length > maxBytes;
}
