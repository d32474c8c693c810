/**
 * Records the usage of one attempt: as reported by the provider, or estimated from the request and the received
 * events.
 */

import type { Usage } from "../../domain/reply.ts";
import type { LlmEvent, LlmRequest } from "../client.ts";
import type { ReportedUsage } from "./chunk.ts";
import { costNanos, type Model } from "../catalog.ts";
import { estimateInput, estimateTokens } from "../tokens.ts";

interface Tokens {
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
}

export class UsageRecorder {
  readonly #model: Model;
  readonly #request: LlmRequest;
  #counts = false;
  #reported?: Tokens;
  #output = "";

  constructor(model: Model, request: LlmRequest) {
    this.#model = model;
    this.#request = request;
  }

  /** Marks the request as sent. From now on it counts, because the provider may process it even if we stop. */
  sent(): void {
    this.#counts = true;
  }

  /** Marks the request as rejected or not delivered, so it does not count. */
  refused(): void {
    this.#counts = false;
  }

  /** Records usage reported by the provider. The last report wins. */
  reported({ inputTokens = 0, cachedTokens = 0, outputTokens = 0 }: ReportedUsage): void {
    this.#reported = {
      inputTokens,
      cachedTokens: Math.min(cachedTokens, inputTokens),
      outputTokens,
    };
  }

  /** Records received output for an estimate. */
  received(event: LlmEvent): void {
    if (event.type === "text" || event.type === "reasoning") this.#output += event.text;
    if (event.type === "tool_call") this.#output += `${event.call.name}${event.call.arguments}`;
  }

  /** The reported usage; zeros if there is none. */
  get usage(): Usage {
    const { inputTokens = 0, outputTokens = 0 } = this.#reported ?? {};
    return { inputTokens, outputTokens };
  }

  /** Calls the request's `onUsage`. Call once, when the attempt has ended. */
  report(): void {
    const { onUsage } = this.#request;
    if (!onUsage || !this.#counts) return;
    const tokens = this.#reported ?? this.#estimate();
    onUsage({
      ...tokens,
      model: this.#model.name,
      costNanos: costNanos(this.#model.price, tokens),
      estimated: this.#reported === undefined,
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
