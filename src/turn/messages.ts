/** The messages of a turn as they grow, and the requests made of as many as fit into the model's window. */

import { fitContext, type Fitted } from "../context/budget.ts";
import type { ContextPart } from "../context/part.ts";
import { GatewayError } from "../domain/errors.ts";
import type { Tier } from "../domain/message.ts";
import type { LlmClient, LlmEvent, LlmMessage, LlmTool, RequestUsage } from "../llm/client.ts";
import { estimateTokens, type TokenScale } from "../llm/tokens.ts";
import { logger } from "../logging/log.ts";

const log = logger("turn");

/** What accompanies the messages in one request. */
export interface RequestParts {
  readonly tools: readonly LlmTool[];
  /** Messages of this request alone, at its end. */
  readonly after: readonly LlmMessage[];
}

export class TurnMessages {
  readonly #parts: ContextPart[];
  readonly #usualBudget: number;
  #budget: number;
  #compacted = false;
  #lastTokens = 0;
  #historyRoom = 0;

  /** `budget` counts estimated tokens, tools included; `usualBudget` is that of most turns. */
  constructor(
    parts: readonly ContextPart[],
    { budget, usualBudget = budget }: { readonly budget: number; readonly usualBudget?: number },
  ) {
    this.#parts = [...parts];
    this.#budget = budget;
    this.#usualBudget = usualBudget;
  }

  /** Estimated tokens of the last request, tools included. */
  get lastTokens(): number {
    return this.#lastTokens;
  }

  /**
   * Estimated tokens that history has room for in the usual turn: one long message, or one turn of a smaller model,
   * says nothing about the next.
   */
  get historyRoom(): number {
    return this.#historyRoom;
  }

  /** Adds a message of the turn. */
  push(message: LlmMessage): void {
    this.#parts.push({ kind: "turn", message });
  }

  /** The messages to send now. @throws {GatewayError} `context_too_long`. */
  fit({ tools, after }: RequestParts): Fitted {
    const toolTokens = tools.reduce((sum, tool) => sum + declarationTokens(tool), 0);
    const parts = [
      ...this.#parts,
      ...after.map((message) => ({ kind: "turn", message }) as const),
    ];
    const budget = this.#budget - toolTokens;
    const fitted = fitContext(parts, { budget, atAnyPrice: this.#compacted });
    this.#lastTokens = fitted.tokens + toolTokens;
    this.#historyRoom = Math.max(0, this.#usualBudget - toolTokens - fitted.fixedTokens);
    return fitted;
  }

  /**
   * Halves the budget after the provider found a request too long. Returns false if that makes the request no
   * shorter, or was done before.
   */
  compact(request: RequestParts): boolean {
    if (this.#compacted) return false;
    this.#compacted = true;
    const before = this.#lastTokens;
    this.#budget = Math.floor(Math.min(this.#budget, before) / 2);
    this.fit(request);
    return this.#lastTokens < before;
  }
}

/** Tokens of tool declarations, by their schema: it stays the same object and is counted once. */
const counted = new WeakMap<object, number>();

function declarationTokens(tool: LlmTool): number {
  let tokens = counted.get(tool.parameters);
  if (tokens === undefined) {
    tokens = estimateTokens(JSON.stringify(tool));
    counted.set(tool.parameters, tokens);
  }
  return tokens;
}

/** Options of {@linkcode fittedStream}. */
export interface FittedStreamOptions extends RequestParts {
  readonly llm: Pick<LlmClient, "modelOf" | "stream">;
  readonly tier: Tier;
  readonly toolChoice?: "none";
  readonly messages: TurnMessages;
  /** Learns from the provider's token counts. */
  readonly scale: TokenScale;
  /** Receives the tokens that history usually has room for. */
  readonly onHistoryRoom?: (tokens: number) => void;
  /** Receives the usage of each request. */
  readonly onUsage?: (usage: RequestUsage) => void;
  readonly signal: AbortSignal;
}

/**
 * One request that fits into the model's window. If the provider still finds it too long, it is shortened and sent
 * once more.
 *
 * @throws {GatewayError} as the client; `context_too_long` if nothing can be left out.
 */
export async function* fittedStream(options: FittedStreamOptions): AsyncGenerator<LlmEvent> {
  const { llm, tier, messages, scale, tools, toolChoice, onUsage, signal } = options;
  const model = llm.modelOf(tier);
  for (;;) {
    const fitted = messages.fit(options);
    options.onHistoryRoom?.(messages.historyRoom);
    const estimatedTokens = messages.lastTokens;
    const request = {
      tier,
      messages: fitted.messages,
      tools,
      toolChoice,
      estimatedTokens,
      onUsage,
    };
    let begun = false;
    try {
      for await (const event of llm.stream(request, signal)) {
        begun = true;
        if (event.type === "finish") {
          scale.learn(model, { estimated: estimatedTokens, actual: event.usage.inputTokens });
        }
        yield event;
      }
      return;
    } catch (error) {
      const tooLong = error instanceof GatewayError && error.code === "context_too_long";
      if (!tooLong || begun || !messages.compact(options)) throw error;
      log.warn(
        "Model {model} refused a request of about {tokens} tokens as too long; sending a shorter one. " +
          "Set CLARA_CONTEXT_TOKENS to the size of its window",
        { model, tokens: estimatedTokens },
      );
    }
  }
}
