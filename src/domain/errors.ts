/** Errors. Those that are sent to adapters have a stable code; others never leave the process. */

/** The codes of `error` frames. They are stable, so that adapters can rely on them (docs/protocol.md). */
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

/** Options of a {@linkcode GatewayError}. */
export interface GatewayErrorOptions {
  /** Whether sending the same again later may succeed. Default: false. */
  readonly recoverable?: boolean;
  /** Machine-readable details for the adapter. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** The request that the error belongs to, if known. */
  readonly requestId?: string;
  readonly cause?: unknown;
}

/** An error for adapters: a stable code, and a text that says what to do. */
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

/** The store cannot be opened or used: it is locked, corrupt, too new, or the disk is full. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  /** Whether the same write would always fail, as opposed to a full disk for instance. */
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
 * Converts anything thrown into an error for adapters. A {@linkcode GatewayError} is returned as it is;
 * anything else becomes an `internal_error` without details, which are in the log.
 */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  if (thrown instanceof StoreError && !thrown.lasting) {
    return new GatewayError(
      "internal_error",
      "The gateway's store is unavailable. Send the message again later.",
      { recoverable: true, cause: thrown },
    );
  }
  return new GatewayError(
    "internal_error",
    "Something went wrong in the gateway. Send the message again; details are in the gateway's log.",
    { recoverable: true, cause: thrown },
  );
}
