/**
 * What is said on one socket: first who it is, then messages, cancels, pings. Reads each frame, asks
 * the intake and the replies, and answers in the dialect that the adapter speaks.
 */

import { isoTime } from "../lib/iso_time.ts";
import { errorText } from "../lib/error_text.ts";
import { GatewayError, toGatewayError } from "../domain/errors.ts";
import { logger } from "../logging/log.ts";
import type { Approvals } from "../delivery/approvals.ts";
import type { Replies } from "../delivery/replies.ts";
import { type AdapterFrame, decodeFrame } from "../protocol/decode.ts";
import type { Dialect, UserMessage } from "../domain/message.ts";
import type { Intake, Submission } from "../queue/intake.ts";
import type { McpManager } from "../tools/mcp/manager.ts";
import type { AdapterRegistry } from "./registry.ts";
import type { AdapterConnection } from "./adapter_connection.ts";
import type { AccessKey } from "../access/access_key.ts";
import type { Authenticator } from "../access/authenticator.ts";
import type { MessageRates } from "../access/message_rates.ts";
import type { RegistrationRates } from "../access/registration_rates.ts";
import { TokenBucket } from "../access/token_bucket.ts";
import { admit, type Peer } from "./admission.ts";
import { closeCodes, type Connection } from "./connection.ts";
import { handleMcpRequest } from "./mcp_request_handler.ts";
import { openSession } from "./session_opening.ts";
import { type ServiceFigures, statusFrame } from "./status_frame.ts";

const log = logger("server");
const audit = logger("admin", "audit");

type RegisterFrame = Extract<AdapterFrame, { type: "register" }>;
type ApprovalFrame = Extract<AdapterFrame, { type: "approval_response" }>;
type CancelFrame = Extract<AdapterFrame, { type: "cancel" }>;

/** Bytes of a frame before `register`. */
const maxUnregisteredBytes = 64 * 1024;
/** Frames that one socket may send at once; in the long run a quarter of them a second. */
const maxFrames = 20_000;
const frameRate = { burst: maxFrames, perSecond: maxFrames / 4 };

/** What every conversation is given. */
export interface ConversationOptions {
  readonly hub: AdapterRegistry;
  readonly intake: Intake;
  readonly replies: Replies;
  readonly authenticator: Authenticator;
  readonly approvals: Pick<Approvals, "answer" | "attach">;
  readonly mcp: McpManager;
  readonly rates: MessageRates;
  readonly registrations: RegistrationRates;
  readonly figures: () => ServiceFigures;
  readonly frameBytes: number;
  readonly heartbeatMs: number;
  readonly registerTimeoutMs: number;
  readonly now?: () => number;
}

/** There are very many that say nothing: what one does not need, or no longer, it does not hold. */
export class AdapterConversation {
  readonly #options: ConversationOptions;
  readonly #connection: Connection;
  /** Until it has registered. */
  #peer?: Peer;
  readonly #now: () => number;
  #registerTimer?: ReturnType<typeof setTimeout>;
  /** Messages that are being committed: a cancel that follows one must find it. */
  #submitting?: Set<Promise<void>>;
  /** Of the secret that has let it in; undefined where there is none to know. */
  #key?: AccessKey;
  readonly #frames = new TokenBucket(frameRate);
  #link?: AdapterConnection;
  #onRegistered?: () => void;
  /** The dialect of the last message; before one, the one that the registration looked like. */
  #dialect: Dialect = "clara-1";

  constructor(connection: Connection, peer: Peer, options: ConversationOptions) {
    this.#options = options;
    this.#connection = connection;
    this.#peer = peer;
    this.#now = options.now ?? Date.now;
    this.#registerTimer = setTimeout(() => this.#giveUp(), options.registerTimeoutMs);
    connection.onClose(() => clearTimeout(this.#registerTimer));
  }

  /** The dialect that this adapter speaks, as far as is known. */
  get dialect(): Dialect {
    return this.#dialect;
  }

  /** Calls back once, when the adapter has come in. */
  onRegistered(callback: () => void): void {
    this.#onRegistered = callback;
  }

  /** Takes what the socket brought. Never throws: what is wrong with a frame is answered. */
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
    // Whoever has not said who it is has nothing long to say.
    const frameBytes = Math.min(
      this.#options.frameBytes,
      this.#link ? Infinity : maxUnregisteredBytes,
    );
    if (longerThan(data, frameBytes)) {
      this.#fail(
        new GatewayError("frame_too_large", `Cannot read frame: it exceeds ${frameBytes} bytes`),
      );
      return this.#connection.close(closeCodes.frameTooLarge, `over ${frameBytes} bytes`);
    }
    try {
      this.#handle(decodeFrame(data));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The time to say who it is has passed. */
  #giveUp(): void {
    const seconds = this.#options.registerTimeoutMs / 1000;
    const message = `Cannot wait longer: no "register" within ${seconds} seconds`;
    this.#fail(new GatewayError("not_registered", message));
    this.#connection.close(closeCodes.registerTimeout, "no register");
  }

  #handle(frame: AdapterFrame): void {
    if (frame.type === "register") return this.#register(frame);
    const link = this.#link;
    if (!link) {
      const requestId = frame.type === "message" ? frame.message.requestId : undefined;
      throw new GatewayError(
        "not_registered",
        `Cannot take frame "${frame.type}" before "register": send your registration first`,
        { recoverable: true, requestId },
      );
    }
    switch (frame.type) {
      case "message":
        this.#dialect = link.dialect = frame.message.dialect;
        return this.#submit(link, frame.message);
      case "cancel":
        this.#cancel(link, frame).catch((error) => this.#fail(error));
        return;
      case "ping":
        return this.#connection.send({ type: "pong", timestamp: this.#timestamp() });
      case "status":
        return this.#connection.send({ type: "status", ...this.#options.figures() });
      case "ack":
        return link.acknowledge(frame.seq);
      case "approval_response":
        return this.#approve(link, frame);
      default:
        this.#refuseWithoutAdmin(link, frame);
        handleMcpRequest(this.#options.mcp, frame, this.#who(link))
          .then((answer) => this.#connection.send(answer));
    }
  }

  #register(frame: RegisterFrame): void {
    if (this.#link) {
      throw new GatewayError(
        "invalid_message",
        `Cannot register again: this socket belongs to "${this.#link.identity.nodeId}"`,
        { recoverable: true },
      );
    }
    const admission = admit(frame, this.#peer!, this.#options);
    if ("refusal" in admission) {
      this.#fail(admission.refusal);
      return this.#connection.close(admission.closeCode, admission.refusal.code);
    }
    this.#key = admission.key;
    clearTimeout(this.#registerTimer);
    this.#onRegistered?.();
    this.#registerTimer = this.#onRegistered = this.#peer = undefined;
    // The Python system's adapters always send metadata, and never the protocol's version.
    if (frame.metadata && !frame.protocol) this.#dialect = "clara-py";
    const { node_id: nodeId } = frame;
    const { replies, approvals } = this.#options;
    const { link, resumed } = openSession(frame, {
      ...this.#options,
      connection: this.#connection,
      serverTime: this.#timestamp(),
    });
    this.#link = link;
    link.dialect = this.#dialect;
    // In a session that goes on, what was asked has been sent, or is being sent again.
    if (!resumed) approvals.attach(nodeId);
    replies.attach(nodeId).catch((error) =>
      log.error("Cannot send {node} the replies that it missed: {error}", {
        node: nodeId,
        error: errorText(error),
      })
    );
  }

  /** Who manages servers runs programs: a key that is good for adapters alone does not do. */
  #refuseWithoutAdmin(
    link: AdapterConnection,
    frame: Extract<AdapterFrame, { type: `mcp_${string}` }>,
  ): void {
    const mayChange = this.#key === undefined || this.#key.scopes.includes("admin");
    const { type, request_id: requestId } = frame;
    if (mayChange || type === "mcp_list" || type === "mcp_status") return;
    audit.warn("Refused {type} from {who}: it takes scope admin", { type, who: this.#who(link) });
    throw new GatewayError(
      "unauthorized",
      `Cannot take frame "${type}": it takes a secret of scope admin`,
      { recoverable: true, requestId },
    );
  }

  /** For the record: the key, and the adapter that has shown it. */
  #who({ identity: { nodeId } }: AdapterConnection): string {
    return `${this.#key?.name ?? "local"} (adapter ${nodeId})`;
  }

  #submit(link: AdapterConnection, message: UserMessage): void {
    const { requestId, user } = message;
    this.#options.rates.take(link.identity, { requestId, userId: user.id });
    const accepting = this.#options.intake.submit(link.identity, message);
    const submitting = this.#submitting ??= new Set();
    const settled = accepting.then(() => {}, () => {}).finally(() => submitting.delete(settled));
    submitting.add(settled);
    accepting
      .then((submission) => this.#answer(message, submission))
      .catch((error) => this.#fail(error, message));
  }

  /** Says what became of a message. One that runs says so itself, by its reply. */
  #answer(message: UserMessage, submission: Submission): void | Promise<void> {
    if (submission.type === "running") return;
    if (submission.type === "answered") return this.#options.replies.resend(submission.seq);
    this.#connection.send(statusFrame(message, submission, this.#options.figures()));
  }

  #approve(link: AdapterConnection, frame: ApprovalFrame): void {
    const { approval_id, approved } = frame;
    if (this.#options.approvals.answer(link.identity.nodeId, approval_id, approved)) return;
    throw new GatewayError(
      "not_found",
      `Cannot take the answer to "${approval_id}": nothing of this id is asked any more`,
      { recoverable: true },
    );
  }

  async #cancel(link: AdapterConnection, frame: CancelFrame): Promise<void> {
    await Promise.all(this.#submitting ?? []);
    const { intake } = this.#options;
    const requestId = frame.request_id ?? undefined;
    const found = requestId !== undefined
      ? intake.cancelRequest(link.identity, requestId)
      : intake.cancelChannel(link.identity, frame.channel_id!) > 0;
    if (found) return;
    const what = requestId !== undefined
      ? `request "${requestId}"`
      : `requests in channel "${frame.channel_id}"`;
    throw new GatewayError("not_found", `Cannot cancel ${what}: none waits or runs`, {
      recoverable: true,
      requestId,
    });
  }

  /** Answers with an error, in the dialect of the message it belongs to. */
  #fail(thrown: unknown, about?: UserMessage): void {
    const error = toGatewayError(thrown);
    if (error.code === "internal_error") {
      log.error("{error}", { error: errorText(error.cause ?? thrown) });
    }
    const { code, message, recoverable, details } = error;
    const request_id = about?.requestId ?? error.requestId ?? null;
    const dialect = about?.dialect ?? this.#dialect;
    this.#connection.send({
      type: "error",
      request_id,
      code,
      message,
      recoverable,
      ...(details && dialect === "clara-1" && { details }),
    });
  }

  #timestamp(): string {
    return isoTime(this.#now());
  }
}

/** Whether a text takes more than `limit` bytes in UTF-8, counted only where it is near. */
function longerThan(text: string, limit: number): boolean {
  if (text.length > limit) return true;
  return text.length * 3 > limit && new TextEncoder().encode(text).length > limit;
}
