/**
 * One request to the model that fits into its window. Where the provider finds it too long all the
 * same, it is made shorter and sent once more. Used by the orchestrator.
 */

import { GatewayError } from "../domain/errors.ts";
import type { LlmClient, LlmEvent, RequestUsage } from "../llm/client.ts";
import type { TokenScale } from "../llm/token_scale.ts";
import { logger } from "../logging/log.ts";
import type { Tier } from "../domain/message.ts";
import type { RequestParts, TurnMessages } from "./turn_messages.ts";

const log = logger("turn");

/** What is asked for. */
export interface FittedStreamOptions extends RequestParts {
  readonly llm: LlmClient;
  readonly tier: Tier;
  readonly toolChoice?: "none";
  readonly messages: TurnMessages;
  /** Learns from what the provider counts. */
  readonly scale: TokenScale;
  /** Told how many tokens of history there usually is room for. */
  readonly onHistoryRoom?: (tokens: number) => void;
  /** Told what each request took. */
  readonly onUsage?: (usage: RequestUsage) => void;
  readonly signal: AbortSignal;
}

/** @throws {GatewayError} as the model's client; `context_too_long` where nothing can be left out. */
export async function* fittedStream(options: FittedStreamOptions): AsyncGenerator<LlmEvent> {
  const { llm, tier, messages, scale, tools, signal } = options;
  const model = llm.modelOf(tier);
  for (;;) {
    const fitted = messages.fit(options);
    options.onHistoryRoom?.(messages.historyRoom);
    const estimated = messages.lastTokens;
    const request = {
      tier,
      messages: fitted.messages,
      tools,
      toolChoice: options.toolChoice,
      estimatedTokens: estimated,
      onUsage: options.onUsage,
    };
    let begun = false;
    try {
      for await (const event of llm.stream(request, signal)) {
        begun = true;
        if (event.type === "finish") {
          scale.learn(model, { estimated, actual: event.usage.inputTokens });
        }
        yield event;
      }
      return;
    } catch (error) {
      const tooLong = error instanceof GatewayError && error.code === "context_too_long";
      if (!tooLong || begun || !messages.compact(options)) throw error;
      log.warn(
        "Model {model} found a request of about {tokens} tokens too long: sent again with less. " +
          "CLARA_CONTEXT_TOKENS says how many it takes",
        { model, tokens: estimated },
      );
    }
  }
}
