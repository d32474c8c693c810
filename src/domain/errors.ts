/**
 * The errors of the gateway. Those that cross the wire have a stable code; the rest never leave the
 * process as they are. Everybody throws them; the processor and the server turn them into frames.
 */

/** The codes of `error` frames. Stable: an adapter may switch on them (docs/protocol.md). */
export const errorCodes = [
  "invalid_json",
  "invalid_message",
  "unknown_type",
  "unsupported_frame",
  "frame_too_large",
  "not_registered",
  "unauthorized",
  "forbidden_origin",
  "replaced",
  "rate_limited",
  "queue_full",
  "duplicate_conflict",
  "not_found",
  "invalid_session",
  "llm_unavailable",
  "llm_timeout",
  "context_too_long",
  "tool_limit",
  "cancelled",
  "shutting_down",
  "internal_error",
] as const;

/** One of the stable error codes. */
export type ErrorCode = typeof errorCodes[number];

/** What a {@linkcode GatewayError} carries beside its text. */
export interface GatewayErrorOptions {
  /** Whether the same thing sent again later may succeed. Default: false. */
  readonly recoverable?: boolean;
  /** Machine-readable details that may be shown to an adapter. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** The request that the error belongs to, if one is known. */
  readonly requestId?: string;
  readonly cause?: unknown;
}

/** An error that an adapter may see: a stable code, and a text that says what to do. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly code: ErrorCode;
  readonly recoverable: boolean;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly requestId?: string;

  constructor(code: ErrorCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.recoverable = options.recoverable ?? false;
    this.details = options.details;
    this.requestId = options.requestId;
  }
}

/** The store cannot be opened or used: locked, corrupt, newer than the program, out of space. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  /** Whether the same write would be refused for ever, whatever room there is. */
  readonly lasting: boolean;

  constructor(
    message: string,
    { cause, lasting = false }: { readonly cause?: unknown; readonly lasting?: boolean } = {},
  ) {
    super(message, { cause });
    this.lasting = lasting;
  }
}

/** The port cannot be opened. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

/**
 * Turns anything thrown into what an adapter may see. A {@linkcode GatewayError} passes; all else
 * becomes an `internal_error` that tells nothing of the inside (the log has the cause).
 */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  if (thrown instanceof StoreError && !thrown.lasting) {
    return new GatewayError(
      "internal_error",
      "The gateway's store does not take or give anything just now. Send the message again later.",
      { recoverable: true, cause: thrown },
    );
  }
  return new GatewayError(
    "internal_error",
    "Something went wrong inside the gateway. Send the message again; the gateway's log has more.",
    { recoverable: true, cause: thrown },
  );
}
