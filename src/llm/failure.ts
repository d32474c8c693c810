/**
 * What a failed request to a model means: for the one who asked, for the model, and for what may be
 * tried next. Used by the client.
 */

import { GatewayError } from "../domain/errors.ts";
import type { Model } from "./catalog.ts";

/**
 * What may be tried after a failure.
 * - `fatal`: nothing, any model would do the same or a smaller one worse.
 * - `skip`: another model; this one cannot answer this request, others it may.
 * - `rest`: another model, or this one a little later.
 * - `silent`: another model; this one rests, and has had its time for this request.
 * - `refused`: another model; the provider refused the key or does not know the model.
 */
export type FailureKind = "fatal" | "skip" | "rest" | "silent" | "refused";

/** A failure, judged. */
export interface LlmFailure {
  readonly error: GatewayError;
  readonly kind: FailureKind;
  /** How long the provider asked not to be asked, milliseconds. */
  readonly retryAfterMs?: number;
}

/** The longest time that a provider's Retry-After is believed, milliseconds. */
const longestRetryAfterMs = 3_600_000;
/** How servers word it that a conversation does not fit, beside OpenAI's code. */
const tooLong =
  /context (?:length|window|size)|maximum context|prompt is too long|too many tokens/i;

/** Thrown by a provider's stream; its `kind` is known where it happens. */
export class ClassifiedError extends Error {
  override readonly name = "JudgedError";
  readonly failure: LlmFailure;

  constructor(failure: LlmFailure) {
    super(failure.error.message, { cause: failure.error });
    this.failure = failure;
  }
}

/** Judges whatever the SDK or the network threw. */
export async function toFailure(
  thrown: unknown,
  { model, now }: { readonly model: Model; readonly now: number },
): Promise<LlmFailure> {
  if (thrown instanceof ClassifiedError) return thrown.failure;
  if (thrown instanceof GatewayError) {
    return { error: thrown, kind: thrown.code === "llm_timeout" ? "silent" : "skip" };
  }
  if (thrown instanceof SyntaxError) {
    const message = "The model's answer cannot be read. Try again.";
    return { error: unavailable(message, { cause: thrown, recoverable: true }), kind: "rest" };
  }
  const { APIError } = await import("openai");
  if (!(thrown instanceof APIError)) return unreachable(thrown);
  const { status, headers } = thrown;
  if (status === undefined) return withoutStatus(thrown);
  const failure = byStatus(status, thrown, model);
  return { ...failure, retryAfterMs: headers ? retryAfterMs(headers, now) : undefined };
}

interface ApiFailure extends Error {
  readonly code?: string | null;
  readonly error?: unknown;
}

/** No answer at all, or an error within a stream that had begun well. */
function withoutStatus(thrown: ApiFailure): LlmFailure {
  if (thrown.error === undefined) return unreachable(thrown);
  const message = "The model's provider reported an error within its answer. Try again later.";
  return { error: unavailable(message, { cause: thrown, recoverable: true }), kind: "rest" };
}

function unreachable(cause: unknown): LlmFailure {
  const message = "The model cannot be reached (no connection). Try again later.";
  return { error: unavailable(message, { cause, recoverable: true }), kind: "rest" };
}

/** What the provider says itself stays in the cause, for the log: it may tell of the operator. */
function byStatus(status: number, cause: ApiFailure, model: Model): LlmFailure {
  const { code } = cause;
  const fail = (kind: FailureKind, message: string, recoverable = false): LlmFailure => ({
    kind,
    error: unavailable(message, { cause, recoverable, details: { status } }),
  });
  if (code === "context_length_exceeded" || status === 400 && tooLong.test(cause.message)) {
    const message = `The conversation is too long for model "${model.name}". ` +
      "Send a shorter message.";
    return { error: new GatewayError("context_too_long", message, { cause }), kind: "fatal" };
  }
  if (code === "content_filter") return filtered(cause);
  if (code === "insufficient_quota" || status === 402) {
    return fail(
      "refused",
      `The gateway's account with the model's provider is used up (${status}).`,
    );
  }
  if (status === 401 || status === 403) {
    return fail("refused", `The model's provider refused the gateway's key (${status}).`);
  }
  if (status === 404) {
    return fail("refused", `The model's provider knows no model "${model.id}" (404).`);
  }
  if (status === 429) {
    const message = "The model's provider takes no more requests just now (429). Try again later.";
    return fail("rest", message, true);
  }
  if (status === 408 || status === 409 || status === 425 || status >= 500) {
    return fail("rest", `The model cannot be reached (${status}). Try again later.`, true);
  }
  const why = status === 413
    ? " as too large"
    : status === 400 || status === 422
    ? " as wrong"
    : "";
  return fail("skip", `The model's provider refused the request${why} (${status}).`);
}

/** The provider's own filter held the answer, or the question, back. */
export function filtered(cause?: unknown): LlmFailure {
  const message = "The model's provider withheld the answer (its content filter). " +
    "Ask in another way.";
  const details = { finish_reason: "content_filter" };
  return { error: unavailable(message, { cause, details }), kind: "fatal" };
}

/** The model itself said no, in its own words. */
export function declined(words: string): LlmFailure {
  const shown = words.length > 500 ? `${words.slice(0, 500)}…` : words;
  const message = `The model declined to answer: ${shown.trim()}`;
  return {
    error: unavailable(message, { details: { finish_reason: "refusal" } }),
    kind: "fatal",
  };
}

/** The stream ended without the word that it is over. */
export function brokenOff(): LlmFailure {
  const message = "The model's answer broke off before its end. Send the message again.";
  return { error: unavailable(message, { recoverable: true }), kind: "rest" };
}

/** The same error, where a part of the answer was shown: that part is not asked for again. */
export function halfWay(
  { code, message, recoverable, details, cause }: GatewayError,
): GatewayError {
  const text = `The reply is not complete; what there is of it was kept. ${message}`;
  return new GatewayError(code, text, { recoverable, details, cause });
}

/**
 * How long a provider asks to be left alone, milliseconds, by `retry-after-ms` or `Retry-After`
 * (RFC 9110: seconds or a date); undefined where it does not say so.
 */
export function retryAfterMs(headers: Headers, now: number): number | undefined {
  const ms = Number.parseFloat(headers.get("retry-after-ms") ?? "");
  const value = headers.get("retry-after")?.trim() ?? "";
  const asked = ms >= 0
    ? ms
    : /^\d+(?:\.\d+)?$/.test(value)
    ? Number(value) * 1000
    : Date.parse(value) - now;
  return Number.isNaN(asked) ? undefined : Math.min(Math.max(asked, 0), longestRetryAfterMs);
}

function unavailable(
  message: string,
  options: ConstructorParameters<typeof GatewayError>[2],
): GatewayError {
  return new GatewayError("llm_unavailable", message, options);
}
