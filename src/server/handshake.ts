/**
 * The start of a connection, until its adapter has registered: checks the secret and the rate of
 * registrations, then resumes the adapter's session or opens a new one. Closes a connection that does
 * not register in time.
 */

import type * as z from "zod";
import type { AccessKey } from "../access/authenticator.ts";
import type { Authenticator } from "../access/authenticator.ts";
import type { RegistrationRates } from "../access/rates.ts";
import type { Approvals } from "../delivery/approvals.ts";
import type { Replies } from "../delivery/replies.ts";
import { GatewayError } from "../domain/errors.ts";
import type { Dialect } from "../domain/message.ts";
import { isoTime } from "../lib/iso_time.ts";
import { errorText } from "../lib/error_text.ts";
import { logger } from "../logging/log.ts";
import type { register } from "../protocol/clara1.ts";
import { closeCodes, type Connection } from "./connection.ts";
import type { AdapterRegistry } from "./registry.ts";
import type { AdapterSession } from "./adapter_session.ts";

const log = logger("server");

type RegisterFrame = z.output<typeof register>;

/** The other end of a connection. */
export interface Peer {
  readonly address: string;
  /** The secret in the header of the upgrade request. */
  readonly bearer?: string;
}

/** What every {@linkcode Handshake} uses. */
export interface HandshakeOptions {
  readonly registry: Pick<AdapterRegistry, "attach" | "canResume" | "resume">;
  readonly authenticator: Pick<Authenticator, "check">;
  readonly registrationRates: Pick<RegistrationRates, "take">;
  readonly replies: Pick<Replies, "attach">;
  readonly approvals: Pick<Approvals, "attach">;
  /** Sent to adapters as `max_frame_bytes`. */
  readonly frameBytes: number;
  /** Sent to adapters as `heartbeat_seconds`. */
  readonly heartbeatMs: number;
  readonly registerTimeoutMs: number;
  readonly now?: () => number;
}

/** A registered adapter. */
export interface Registration {
  readonly session: AdapterSession;
  /** The key of the secret it used. Undefined if the gateway needs none. */
  readonly key?: AccessKey;
}

/** Why a connection is closed before its adapter has registered. */
export interface Rejection {
  readonly error: GatewayError;
  readonly closeCode: number;
  readonly closeReason: string;
}

/** A connection whose adapter has not registered yet. */
export interface UnregisteredConnection {
  readonly connection: Connection;
  readonly peer: Peer;
  /** Called when the adapter is admitted. */
  readonly onRegistered: () => void;
}

export class Handshake {
  readonly #unregistered: UnregisteredConnection;
  readonly #options: HandshakeOptions;
  readonly #timer: ReturnType<typeof setTimeout>;

  /** @param onTimeout is called if the adapter does not register in time. */
  constructor(
    unregistered: UnregisteredConnection,
    options: HandshakeOptions,
    onTimeout: (rejection: Rejection) => void,
  ) {
    this.#unregistered = unregistered;
    this.#options = options;
    const { registerTimeoutMs } = options;
    this.#timer = setTimeout(
      () => onTimeout(timeoutRejection(registerTimeoutMs)),
      registerTimeoutMs,
    );
    unregistered.connection.onClose(() => clearTimeout(this.#timer));
  }

  /** Registers the adapter and answers with `registered`, or returns why not. */
  register(frame: RegisterFrame): Registration | Rejection {
    const admission = this.#admit(frame);
    if ("error" in admission) return admission;
    clearTimeout(this.#timer);
    this.#unregistered.onRegistered();
    const { replies, approvals } = this.#options;
    const { session, resumed } = this.#openSession(frame);
    session.dialect = registrationDialect(frame);
    const { node_id: nodeId } = frame;
    // After a resume the approval requests are part of the replayed frames.
    if (!resumed) approvals.attach(nodeId);
    replies.attach(nodeId).catch((error) =>
      log.error("Cannot send {node} the replies it missed: {error}", {
        node: nodeId,
        error: errorText(error),
      })
    );
    return { session, key: admission.key };
  }

  #admit(frame: RegisterFrame): { readonly key?: AccessKey } | Rejection {
    const { authenticator, registrationRates } = this.#options;
    const { bearer, address } = this.#unregistered.peer;
    const { node_id: nodeId } = frame;
    const result = authenticator.check([bearer, frame.secret], { scope: "adapter", address });
    if (result.type === "ok") {
      const error = registrationRates.take({ nodeId, address });
      if (!error) return { key: result.key };
      log.debug("Rejected {node} from {address}: registers too often", { node: nodeId, address });
      return { error, closeCode: closeCodes.rateLimited, closeReason: error.code };
    }
    log.warn("Rejected {node} from {address}: {reason}", {
      node: nodeId,
      address,
      reason: result.type,
    });
    const error = authErrors[result.type]();
    const closeCode = error.code === "rate_limited"
      ? closeCodes.rateLimited
      : closeCodes.unauthorized;
    return { error, closeCode, closeReason: error.code };
  }

  #openSession(
    frame: RegisterFrame,
  ): { readonly session: AdapterSession; readonly resumed: boolean } {
    const { registry } = this.#options;
    const { connection } = this.#unregistered;
    const { node_id: nodeId, platform, capabilities, session_id: sessionId } = frame;
    const lastSeq = frame.last_seq ?? 0;
    if (sessionId && registry.canResume(nodeId, { sessionId, lastSeq })) {
      const welcome = this.#welcome({ nodeId, sessionId, resumed: true });
      return { session: registry.resume(nodeId, { lastSeq, connection, welcome }), resumed: true };
    }
    if (sessionId) {
      connection.send({
        type: "error",
        request_id: null,
        code: "invalid_session",
        message: `Cannot resume session "${sessionId}" after frame ${lastSeq}: the gateway no ` +
          "longer has it. A new session follows, with all undelivered replies.",
        recoverable: true,
      });
    }
    const session = registry.attach({ nodeId, platform, capabilities }, {
      connection,
      welcome: (sessionId) => this.#welcome({ nodeId, sessionId, resumed: false }),
    });
    return { session, resumed: false };
  }

  #welcome({ nodeId, sessionId, resumed }: {
    readonly nodeId: string;
    readonly sessionId: string;
    readonly resumed: boolean;
  }) {
    const { heartbeatMs, frameBytes, now = Date.now } = this.#options;
    return {
      type: "registered",
      node_id: nodeId,
      session_id: sessionId,
      resumed,
      protocol: 1,
      server_time: isoTime(now()),
      heartbeat_seconds: heartbeatMs / 1000,
      max_frame_bytes: frameBytes,
    } as const;
  }
}

/** The Python system's adapters always send metadata and never the protocol version. */
function registrationDialect({ metadata, protocol }: RegisterFrame): Dialect {
  return metadata && !protocol ? "clara-py" : "clara-1";
}

function timeoutRejection(registerTimeoutMs: number): Rejection {
  const seconds = registerTimeoutMs / 1000;
  return {
    error: new GatewayError(
      "not_registered",
      `Cannot keep this connection open: no "register" within ${seconds} seconds`,
    ),
    closeCode: closeCodes.registerTimeout,
    closeReason: "no register",
  };
}

const authErrors = {
  forbidden: () =>
    new GatewayError(
      "unauthorized",
      "Cannot register: this secret does not have the scope adapter.",
    ),
  unauthorized: () =>
    new GatewayError(
      "unauthorized",
      'Cannot register: wrong or missing secret. Send it as "Authorization: Bearer …" or in "secret".',
    ),
  rate_limited: () =>
    new GatewayError("rate_limited", "Cannot register: too many wrong secrets. Wait a minute.", {
      recoverable: true,
      details: { retry_after_ms: 60_000 },
    }),
} as const;
