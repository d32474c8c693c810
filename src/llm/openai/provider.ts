/**
 * One OpenAI-compatible API, by the `openai` SDK: one try of one request, within its time and its
 * turn. The SDK is loaded with the first request, so that the port opens without it.
 */

import type OpenAI from "openai";
import { GatewayError } from "../../domain/errors.ts";
import type { FinishReason } from "../../domain/reply.ts";
import { type ChatParams, toChatParams } from "./chat_params.ts";
import type { LlmEvent, LlmRequest } from "../client.ts";
import { brokenOff, ClassifiedError, declined } from "../failure.ts";
import type { Model, Provider } from "../catalog.ts";
import { ProviderLimiter } from "./provider_limiter.ts";
import { UsageRecorder } from "../usage_recorder.ts";
import { Watchdog } from "./watchdog.ts";

/** What the watchdog and the signal leave to the SDK: nothing. */
const neverMs = 2 ** 31 - 1;

/** A delta with the fields that servers add to OpenAI's. */
type Delta = OpenAI.ChatCompletionChunk.Choice.Delta & {
  readonly reasoning_content?: unknown;
  readonly reasoning?: unknown;
};

/** One try. */
export interface Try {
  readonly model: Model;
  readonly request: LlmRequest;
  /** What earlier tries have left of the total time, milliseconds. */
  readonly leftMs: number;
  readonly showReasoning: boolean;
  readonly signal: AbortSignal;
}

export class OpenAiProvider {
  readonly #provider: Provider;
  readonly #gate: ProviderLimiter;
  #sdk?: Promise<OpenAI>;

  constructor(provider: Provider) {
    this.#provider = provider;
    this.#gate = new ProviderLimiter(provider);
  }

  /** Streams one answer. Throws what the SDK and the network throw, or an error of the gateway. */
  async *stream(attempt: Try): AsyncGenerator<LlmEvent> {
    const { model, request, leftMs, signal } = attempt;
    const { stallMs, totalMs } = this.#provider;
    using watchdog = new Watchdog(signal, { stallMs, totalMs, leftMs });
    const leave = await this.#enter(watchdog, signal);
    const tally = new UsageRecorder(model, request);
    try {
      yield* this.#answer(attempt, watchdog, tally);
    } catch (error) {
      throw watchdog.timeout ?? error;
    } finally {
      leave();
      tally.report();
    }
  }

  async #enter(watchdog: Watchdog, signal: AbortSignal): Promise<() => void> {
    try {
      return await this.#gate.enter(watchdog.signal);
    } catch (error) {
      signal.throwIfAborted();
      // The line was too long, not the model too slow.
      const busy = new GatewayError(
        "rate_limited",
        "Too many requests wait for the model's provider. Try again later.",
        { recoverable: true, cause: error },
      );
      throw new ClassifiedError({ error: busy, kind: "skip" });
    }
  }

  async *#answer(
    { model, request, showReasoning }: Try,
    watchdog: Watchdog,
    tally: UsageRecorder,
  ): AsyncGenerator<LlmEvent> {
    const { signal } = watchdog;
    const sdk = await (this.#sdk ??= connect(this.#provider));
    watchdog.begin();
    const params: ChatParams = toChatParams(request, model);
    tally.sent();
    const stream = await sdk.chat.completions.create(params, { signal }).catch((error) => {
      // One that was cancelled, or took too long, may well be worked on.
      if (!signal.aborted) tally.refused();
      throw error;
    });
    let reason: FinishReason | undefined;
    let refusal = "";
    for await (const chunk of stream) {
      watchdog.progress();
      if (chunk.usage) tally.told(chunk.usage);
      const choice = chunk.choices?.[0];
      if (!choice) continue;
      refusal += choice.delta?.refusal ?? "";
      for (const event of toEvents(choice.delta)) {
        tally.said(event);
        if (event.type !== "reasoning" || showReasoning) yield event;
      }
      if (choice.finish_reason) reason = toFinishReason(choice.finish_reason);
    }
    // The SDK ends its iteration quietly when the request is aborted.
    signal.throwIfAborted();
    if (refusal !== "") throw new ClassifiedError(declined(refusal));
    if (!reason) throw new ClassifiedError(brokenOff());
    yield { type: "finish", reason, usage: tally.usage, model: model.name };
  }
}

async function connect({ apiKey, baseUrl, headers }: Provider): Promise<OpenAI> {
  const { default: OpenAI } = await import("openai");
  return new OpenAI({
    // Local servers take any key, but the SDK wants one.
    apiKey: apiKey ?? "none",
    baseURL: baseUrl,
    defaultHeaders: headers,
    timeout: neverMs,
    // The client tries again by itself: it knows the other models, and the one who waits.
    maxRetries: 0,
    // It would print pieces of answers past our log.
    logLevel: "off",
  });
}

/** A delta may be missing or hold what this program does not know: servers differ. */
function* toEvents(delta: Delta | undefined): Generator<LlmEvent> {
  const reasoning = delta?.reasoning_content ?? delta?.reasoning;
  if (typeof reasoning === "string" && reasoning !== "") {
    yield { type: "reasoning", text: reasoning };
  }
  if (delta?.content) yield { type: "text", text: delta.content };
  for (const call of delta?.tool_calls ?? []) {
    yield {
      type: "tool_call",
      index: call.index ?? 0,
      id: call.id || undefined,
      name: call.function?.name || undefined,
      arguments: call.function?.arguments || undefined,
    };
  }
}

function toFinishReason(reason: string): FinishReason {
  switch (reason) {
    case "stop":
    case "length":
    case "tool_calls":
    case "content_filter":
      return reason;
    case "function_call":
      return "tool_calls";
    default:
      return "other";
  }
}
