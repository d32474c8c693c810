/**
 * Models behind an OpenAI-compatible API, by the `openai` SDK. The SDK is loaded with the first
 * request, so that the port opens without it.
 */

import type OpenAI from "openai";
import { errorText, GatewayError } from "../errors.ts";
import type { LlmConfig } from "../config_types.ts";
import type { Tier } from "../protocol/message.ts";
import type { FinishReason, Usage } from "../protocol/reply_frame.ts";
import type {
  Completion,
  CompletionRequest,
  LlmClient,
  LlmEvent,
  LlmMessage,
  LlmRequest,
  LlmTool,
} from "./llm_client.ts";
import { Watchdog } from "./watchdog.ts";

type Params = OpenAI.ChatCompletionCreateParamsStreaming;

/** Streams chat completions. */
export class OpenAiClient implements LlmClient {
  readonly kind = "openai";
  readonly #config: LlmConfig;
  #sdk?: Promise<OpenAI>;

  constructor(config: LlmConfig) {
    this.#config = config;
  }

  modelOf(tier: Tier): string {
    return this.#config.tierModels[tier] ?? this.#config.model;
  }

  async *stream(request: LlmRequest, signal: AbortSignal): AsyncGenerator<LlmEvent> {
    using watchdog = new Watchdog(signal, this.#config);
    let reason: FinishReason | undefined;
    let usage: Usage = { inputTokens: 0, outputTokens: 0 };
    try {
      const sdk = await (this.#sdk ??= connect(this.#config));
      const params = toParams(request, this.modelOf(request.tier));
      const stream = await sdk.chat.completions.create(params, { signal: watchdog.signal });
      for await (const chunk of stream) {
        watchdog.progress();
        if (chunk.usage) usage = toUsage(chunk.usage);
        const choice = chunk.choices?.[0];
        if (!choice) continue;
        yield* toEvents(choice.delta);
        if (choice.finish_reason) reason = toFinishReason(choice.finish_reason);
      }
      // The SDK ends its iteration quietly when the request is aborted.
      watchdog.signal.throwIfAborted();
    } catch (error) {
      signal.throwIfAborted();
      throw watchdog.timeout ?? await toGatewayError(error, this.modelOf(request.tier));
    }
    if (!reason) {
      throw new GatewayError(
        "llm_unavailable",
        "The model's answer broke off before its end. Send the message again.",
        { recoverable: true },
      );
    }
    yield { type: "finish", reason, usage };
  }

  async complete({ tier, messages, signal }: CompletionRequest): Promise<Completion> {
    let text = "";
    let usage: Usage = { inputTokens: 0, outputTokens: 0 };
    for await (const event of this.stream({ tier, messages, tools: [] }, signal)) {
      if (event.type === "text") text += event.text;
      if (event.type === "finish") usage = event.usage;
    }
    return { text, usage, model: this.modelOf(tier) };
  }
}

async function connect(config: LlmConfig): Promise<OpenAI> {
  const { default: OpenAI } = await import("openai");
  return new OpenAI({
    // Local servers take any key, but the SDK wants one.
    apiKey: config.apiKey ?? "none",
    baseURL: config.baseUrl,
    timeout: config.totalMs,
    maxRetries: 2,
    // It would print pieces of answers past our log.
    logLevel: "off",
  });
}

function toParams(request: LlmRequest, model: string): Params {
  return {
    model,
    messages: request.messages.map(toMessage),
    stream: true,
    stream_options: { include_usage: true },
    ...(request.tools.length > 0 && { tools: request.tools.map(toTool) }),
  };
}

function toMessage(message: LlmMessage): OpenAI.ChatCompletionMessageParam {
  switch (message.role) {
    case "system":
      return message;
    case "user":
      return { role: "user", content: toContent(message) };
    case "assistant":
      return {
        role: "assistant",
        content: message.content || null,
        ...(message.toolCalls?.length && {
          tool_calls: message.toolCalls.map((call) => ({
            id: call.id,
            type: "function" as const,
            function: { name: call.name || "unnamed", arguments: readable(call.arguments) },
          })),
        }),
      };
    case "tool":
      return { role: "tool", tool_call_id: message.callId, content: message.content };
  }
}

/** Arguments that are no JSON object would make some servers refuse all that follows. */
function readable(json: string): string {
  try {
    const value = JSON.parse(json);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? json : "{}";
  } catch {
    return "{}";
  }
}

/** The speaker goes into the text: few servers know the API's field for it. */
function toContent({ content, speaker }: Extract<LlmMessage, { role: "user" }>) {
  const prefix = speaker === undefined ? "" : `${speaker}: `;
  if (typeof content === "string") return prefix + content;
  return content.map((part, index) =>
    part.type === "text"
      ? { type: "text" as const, text: (index === 0 ? prefix : "") + part.text }
      : { type: "image_url" as const, image_url: { url: part.url } }
  );
}

function toTool(tool: LlmTool): OpenAI.ChatCompletionFunctionTool {
  const { name, description, parameters } = tool;
  return { type: "function", function: { name, description, parameters: { ...parameters } } };
}

/** A delta may be missing or hold what this program does not know: servers differ. */
function* toEvents(
  delta: OpenAI.ChatCompletionChunk.Choice.Delta | undefined,
): Generator<LlmEvent> {
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

function toUsage(usage: OpenAI.CompletionUsage): Usage {
  return { inputTokens: usage.prompt_tokens ?? 0, outputTokens: usage.completion_tokens ?? 0 };
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

/** What went wrong upstream, in words for the one who asked; the log gets the cause. */
async function toGatewayError(error: unknown, model: string): Promise<GatewayError> {
  if (error instanceof GatewayError) return error;
  const sdk = await import("openai");
  if (error instanceof sdk.APIConnectionTimeoutError) {
    return new GatewayError("llm_timeout", "The model did not answer in time. Try again.", {
      recoverable: true,
      cause: error,
    });
  }
  if (error instanceof SyntaxError) {
    return new GatewayError("llm_unavailable", "The model's answer cannot be read. Try again.", {
      recoverable: true,
      cause: error,
    });
  }
  const status = error instanceof sdk.APIError ? error.status : undefined;
  const code = error instanceof sdk.APIError ? error.code : undefined;
  if (code === "context_length_exceeded") {
    return new GatewayError(
      "context_too_long",
      `The conversation is too long for model "${model}". Send a shorter message.`,
      { cause: error },
    );
  }
  const [message, recoverable] = explain(status, model, error);
  return new GatewayError("llm_unavailable", message, {
    recoverable,
    cause: error,
    ...(status !== undefined && { details: { status } }),
  });
}

function explain(
  status: number | undefined,
  model: string,
  error: unknown,
): readonly [message: string, recoverable: boolean] {
  if (status === 401 || status === 403) {
    return [`The model's provider refused the gateway's key (${status}).`, false];
  }
  if (status === 404) return [`The model's provider knows no model "${model}" (404).`, false];
  if (status === 429) {
    return ["The model's provider takes no more requests just now (429). Try again later.", true];
  }
  if (status !== undefined && status < 500) {
    return [`The model's provider refused the request (${status}: ${errorText(error)}).`, false];
  }
  const found = status === undefined ? "no connection" : String(status);
  return [`The model cannot be reached (${found}). Try again later.`, true];
}
