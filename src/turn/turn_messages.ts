/**
 * The messages of a turn, as they grow, and as many of them as the model takes. Used by the
 * orchestrator before each request.
 */

import { fitContext, type Fitted } from "../context/budget.ts";
import type { ContextPart } from "../context/part.ts";
import type { LlmMessage, LlmTool } from "../llm/client.ts";
import { estimateTokens } from "../llm/tokens.ts";

/** What goes along with the messages of one request. */
export interface RequestParts {
  readonly tools: readonly LlmTool[];
  /** Messages of this request alone, which come last. */
  readonly after: readonly LlmMessage[];
}

export class TurnMessages {
  readonly #parts: ContextPart[];
  readonly #usualBudget: number;
  #budget: number;
  #compacted = false;
  /** Tokens of the last request, tools included. */
  #lastTokens = 0;
  #historyRoom = 0;

  /** `budget` is in tokens (estimated), tools included; `usualBudget` is that of most turns. */
  constructor(
    parts: readonly ContextPart[],
    { budget, usualBudget = budget }: { readonly budget: number; readonly usualBudget?: number },
  ) {
    this.#parts = [...parts];
    this.#budget = budget;
    this.#usualBudget = usualBudget;
  }

  /** Tokens (estimated) of the last request. */
  get lastTokens(): number {
    return this.#lastTokens;
  }

  /**
   * Tokens (estimated) that lines of history have room for in the usual turn: one long message, and one
   * turn of a smaller model, say nothing of the next one.
   */
  get historyRoom(): number {
    return this.#historyRoom;
  }

  /** Adds what was said in the turn. */
  push(message: LlmMessage): void {
    this.#parts.push({ kind: "turn", message });
  }

  /** What the model is shown now. @throws {GatewayError} `context_too_long`. */
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
   * After the provider found the last request too long: from now on half of it, or as little as there
   * can be. False where that would be no less, or was done before.
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

/** By the schema of a tool's arguments, which stays the same object: it is counted once. */
const counted = new WeakMap<object, number>();

function declarationTokens(tool: LlmTool): number {
  let tokens = counted.get(tool.parameters);
  if (tokens === undefined) {
    tokens = estimateTokens(JSON.stringify(tool));
    counted.set(tool.parameters, tokens);
  }
  return tokens;
}
