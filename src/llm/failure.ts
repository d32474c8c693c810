/**
 * Classifies failed requests to a model: the error for the user, and what to try next. The provider's message
 * is only in the cause, for the log, because it may contain private details of the operator.
 */

import { GatewayError } from "../domain/errors.ts";
import type { Model } from "./catalog.ts";
import { AnswerFailedError, AnswerTooLargeError } from "./openai/answer.ts";
import { EventTooLargeError } from "./openai/event_stream.ts";
import { type Meaning, meaningOf } from "./openai/failure_rules.ts";
import { ProviderError } from "./openai/provider_error.ts";

/**
 * What to try after a failure.
 * - `fatal`: nothing; any model would do the same.
 * - `skip`: another model; this one cannot answer this request, but may answer others.
 * - `retry`: the same model immediately; its mistake does not affect other requests.
 * - `cooldown`: another model, or this one after a cooldown.
 * - `silent`: another model; this one cools down and is not retried for this request.
 * - `refused`: another model; the provider rejected the key or does not know the model.
 */
export type FailureKind = "fatal" | "skip" | "retry" | "cooldown" | "silent" | "refused";

/** A classified failure. */
export interface LlmFailure {
  readonly error: GatewayError;
  readonly kind: FailureKind;
  /** Wait requested by the provider, milliseconds. */
  readonly retryAfterMs?: number;
}

/** Maximum Retry-After, milliseconds. Longer ones are capped. */
const longestRetryAfterMs = 3_600_000;

/** An error classified where it is thrown. */
export class ClassifiedError extends Error {
  override readonly name = "ClassifiedError";
  readonly failure: LlmFailure;

  constructor(failure: LlmFailure) {
    super(failure.error.message, { cause: failure.error });
    this.failure = failure;
  }
}

/** Classifies an error thrown by an attempt. */
export function toFailure(
  thrown: unknown,
  { model, now }: { readonly model: Model; readonly now: number },
): LlmFailure {
  if (thrown instanceof ClassifiedError) return thrown.failure;
  if (thrown instanceof GatewayError) {
    return { error: thrown, kind: thrown.code === "llm_timeout" ? "silent" : "skip" };
  }
  if (thrown instanceof AnswerFailedError) return ofAnswer(thrown);
  if (thrown instanceof AnswerTooLargeError || thrown instanceof EventTooLargeError) {
    const message = "The model's answer is too large and was ended.";
    return { error: unavailable(message, { cause: thrown }), kind: "fatal" };
  }
  if (thrown instanceof SyntaxError) {
    const message = "The model's answer cannot be read. Try again.";
    return {
      error: unavailable(message, { cause: thrown, recoverable: true }),
      kind: "cooldown",
    };
  }
  if (!(thrown instanceof ProviderError)) {
    const message = "The model cannot be reached (no connection). Try again later.";
    return {
      error: unavailable(message, { cause: thrown, recoverable: true }),
      kind: "cooldown",
    };
  }
  const failure = ofProvider(thrown, model);
  const { headers } = thrown;
  return { ...failure, retryAfterMs: headers ? retryAfterMs(headers, now) : undefined };
}

function ofAnswer(thrown: AnswerFailedError): LlmFailure {
  switch (thrown.kind) {
    case "refusal":
      return declined(thrown.message);
    case "slip": {
      const message = "The model called a tool in a way that cannot be read. Try again.";
      return { error: unavailable(message, { cause: thrown, recoverable: true }), kind: "retry" };
    }
    case "failure": {
      const message = "The model's provider reported that its answer failed. Try again.";
      return {
        error: unavailable(message, { cause: thrown, recoverable: true }),
        kind: "cooldown",
      };
    }
    case "cut": {
      const message = "The model's answer broke off before its end. Send the message again.";
      return {
        error: unavailable(message, { cause: thrown, recoverable: true }),
        kind: "cooldown",
      };
    }
  }
}

/** The user's error message and the failure kind for each meaning. */
const outcomes: Readonly<
  Record<
    Exclude<Meaning, "too_long" | "filtered">,
    {
      readonly kind: FailureKind;
      readonly recoverable?: boolean;
      readonly message: (model: Model, error: ProviderError) => string;
    }
  >
> = {
  image: {
    kind: "skip",
    message: () => "The model's provider refused an image of this conversation.",
  },
  slip: {
    kind: "retry",
    recoverable: true,
    message: () => "The model called a tool in a way that cannot be read. Try again.",
  },
  quota: {
    kind: "refused",
    message: (_, { status }) =>
      `The gateway's account with the model's provider is used up (${status}).`,
  },
  key: {
    kind: "refused",
    message: (_, { status }) => `The model's provider refused the gateway's key (${status}).`,
  },
  model: {
    kind: "refused",
    message: ({ id }, { status }) => `The model's provider knows no model "${id}" (${status}).`,
  },
  busy: {
    kind: "cooldown",
    recoverable: true,
    message: (_, { status = 429 }) =>
      `The model's provider accepts no more requests at the moment (${status}). Try again later.`,
  },
  down: {
    kind: "cooldown",
    recoverable: true,
    message: (_, { status, inStream }) =>
      inStream
        ? "The model's provider reported an error within its answer. Try again later."
        : `The model cannot be reached (${status}). Try again later.`,
  },
  request: {
    kind: "skip",
    message: (_, { status }) =>
      status === undefined
        ? "The model's provider refused the request."
        : `The model's provider refused the request (${status}).`,
  },
};

function ofProvider(cause: ProviderError, model: Model): LlmFailure {
  const meaning = meaningOf(cause);
  if (meaning === "too_long") {
    const message =
      `The conversation is too long for model "${model.name}". Send a shorter message.`;
    return { error: new GatewayError("context_too_long", message, { cause }), kind: "fatal" };
  }
  if (meaning === "filtered") return filtered(cause);
  const { kind, recoverable = false, message } = outcomes[meaning];
  const { status } = cause;
  return {
    kind,
    error: unavailable(message(model, cause), {
      cause,
      recoverable,
      ...(status !== undefined && { details: { status } }),
    }),
  };
}

/** The provider's content filter blocked the answer or the request. */
export function filtered(cause?: unknown): LlmFailure {
  const message = "The model's provider withheld the answer (its content filter). " +
    "Ask in another way.";
  const details = { finish_reason: "content_filter" };
  return { error: unavailable(message, { cause, details }), kind: "fatal" };
}

/** The model declined to answer. */
function declined(words: string): LlmFailure {
  const shown = words.length > 500 ? `${words.slice(0, 500).toWellFormed()}…` : words;
  return {
    error: unavailable(`The model declined to answer: ${shown.trim()}`, {
      details: { finish_reason: "refusal" },
    }),
    kind: "fatal",
  };
}

/** Converts an error that occurred after part of the answer had been shown, which rules out a retry. */
export function incompleteReply(
  { code, message, recoverable, details, cause }: GatewayError,
): GatewayError {
  const text = `The reply is incomplete; the part that arrived was kept. ${message}`;
  return new GatewayError(code, text, { recoverable, details, cause });
}

/**
 * Returns the wait requested by a provider in `retry-after-ms` or `Retry-After` (RFC 9110: seconds or a date),
 * milliseconds, or `undefined` if there is none.
 */
export function retryAfterMs(headers: Headers, now: number): number | undefined {
  const ms = Number.parseFloat(headers.get("retry-after-ms") ?? "");
  const value = headers.get("retry-after")?.trim() ?? "";
  const requestedMs = ms >= 0
    ? ms
    : /^\d+(?:\.\d+)?$/.test(value)
    ? Number(value) * 1000
    : Date.parse(value) - now;
  return Number.isNaN(requestedMs)
    ? undefined
    : Math.min(Math.max(requestedMs, 0), longestRetryAfterMs);
}

function unavailable(
  message: string,
  options: ConstructorParameters<typeof GatewayError>[2],
): GatewayError {
  return new GatewayError("llm_unavailable", message, options);
}
