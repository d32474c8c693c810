/**
 * What one request to a model took: as its provider said, or an estimate of what went to and fro where
 * it could not say. Made by the provider's client for each try.
 */

import type { Usage } from "../domain/reply.ts";
import type { LlmEvent, LlmRequest } from "./client.ts";
import type { ReportedUsage } from "./openai/chunk.ts";
import { costNanos, type Model } from "./catalog.ts";
import { estimateMessage, estimateTokens } from "./tokens.ts";

interface Tokens {
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
}

export class UsageRecorder {
  readonly #model: Model;
  readonly #request: LlmRequest;
  #counts = false;
  #told?: Tokens;
  #output = "";

  constructor(model: Model, request: LlmRequest) {
    this.#model = model;
    this.#request = request;
  }

  /** The request leaves: from here on it counts, for the provider may work on it unheard. */
  sent(): void {
    this.#counts = true;
  }

  /** The provider has refused it, or was never reached: it took nothing. */
  refused(): void {
    this.#counts = false;
  }

  /** The provider reports what it took; its last word holds. */
  reported({ inputTokens = 0, cachedTokens = 0, outputTokens = 0 }: ReportedUsage): void {
    this.#told = { inputTokens, cachedTokens: Math.min(cachedTokens, inputTokens), outputTokens };
  }

  /** Notes what arrived, for an estimate. */
  received(event: LlmEvent): void {
    if (event.type === "text" || event.type === "reasoning") this.#output += event.text;
    if (event.type === "tool_call") this.#output += `${event.call.name}${event.call.arguments}`;
  }

  /** What the provider said; zeros where it did not. */
  get usage(): Usage {
    const { inputTokens = 0, outputTokens = 0 } = this.#told ?? {};
    return { inputTokens, outputTokens };
  }

  /** Tells the request's listener, once, at the end, however it came. */
  report(): void {
    const { onUsage } = this.#request;
    if (!onUsage || !this.#counts) return;
    const tokens = this.#told ?? this.#estimate();
    onUsage({
      ...tokens,
      model: this.#model.name,
      costNanos: costNanos(this.#model.price, tokens),
      estimated: this.#told === undefined,
    });
  }

  #estimate(): Tokens {
    return {
      inputTokens: estimateInput(this.#request),
      cachedTokens: 0,
      outputTokens: estimateTokens(this.#output),
    };
  }
}

/** The tokens of a request, roughly. */
export function estimateInput({ messages, tools }: LlmRequest): number {
  const declarations = tools.length > 0 ? estimateTokens(JSON.stringify(tools)) : 0;
  return messages.reduce((sum, message) => sum + estimateMessage(message), declarations);
}
