/** A model for trying out the gateway without an API key: it streams the user's text back. */

import { setImmediate } from "node:timers";
import { GatewayError } from "../domain/errors.ts";
import { estimateInput, estimateTokens } from "./tokens.ts";
import type { Completion, LlmClient, LlmEvent, LlmMessage, LlmRequest } from "./client.ts";

/** Answers with the last user message, word by word. */
export class EchoClient implements LlmClient {
  readonly kind = "echo";

  modelOf(): string {
    return "echo";
  }

  contextTokensOf(): undefined {
    return undefined;
  }

  async *stream(request: LlmRequest, signal: AbortSignal): AsyncGenerator<LlmEvent> {
    const text = textOf(request.messages.findLast(({ role }) => role === "user"));
    for (const word of text.match(/\s*\S+\s*$|\s*\S+/g) ?? []) {
      signal.throwIfAborted();
      yield { type: "text", text: word };
      // One word per event loop iteration, as from a network.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    signal.throwIfAborted();
    const inputTokens = request.estimatedTokens ?? estimateInput(request);
    const usage = { inputTokens, outputTokens: estimateTokens(text) };
    request.onUsage?.({
      ...usage,
      model: this.modelOf(),
      cachedTokens: 0,
      costNanos: 0,
      estimated: true,
    });
    yield { type: "finish", reason: "stop", usage, model: this.modelOf() };
  }

  /** Always rejects. */
  complete(): Promise<Completion> {
    const message = "The echo model answers no questions. Set OPENAI_API_KEY or OPENAI_BASE_URL.";
    return Promise.reject(new GatewayError("llm_unavailable", message));
  }
}

function textOf(message: LlmMessage | undefined): string {
  if (!message) return "";
  if (typeof message.content === "string") return message.content;
  return message.content.map((part) => part.type === "text" ? part.text : "[image]").join("\n");
}
