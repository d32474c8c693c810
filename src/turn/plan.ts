/**
 * What is settled before a turn begins: whether its user may spend anything yet, which tier answers,
 * and the message as the model gets it. Asked by the processor.
 */

import type { GatewayError } from "../domain/errors.ts";
import { Deadline } from "../lib/deadline.ts";
import { errorText } from "../lib/error_text.ts";
import { toGatewayError } from "../domain/errors.ts";
import type { Account, LlmClient } from "../llm/client.ts";
import { logger } from "../logging/log.ts";
import type { Tier, UserMessage } from "../domain/message.ts";
import { tiers } from "../domain/message.ts";
import type { Budget } from "./budget.ts";

const log = logger("turn", "plan");

/** How long the low tier may think about a message's tier, milliseconds. */
const classifyMs = 3_000;
/** Characters of a message that it is shown. */
const classifyChars = 2_000;
const classifyPrompt = "You route messages to language models. Answer with one word: " +
  '"low" for small talk and simple questions, "high" for what needs careful reasoning, long code or ' +
  'expert knowledge, "mid" for all else. Do not answer the message itself.';
const prefix = /^\s*!(high|mid|low)(?:\s+|$)/i;

/** What a {@linkcode TurnPlanner} is given. */
export interface TurnPlannerOptions {
  readonly llm: Pick<LlmClient, "complete">;
  readonly budget: Pick<Budget, "check">;
  /** Whether the low tier decides where nobody has said a tier. */
  readonly autoTier: boolean;
  /** Default: 3 seconds. */
  readonly classifyMs?: number;
}

/** What was settled. */
export interface TurnPlan {
  /** Without the prefix that names a tier. */
  readonly message: UserMessage;
  readonly tier: Tier;
  /** Why there is no turn. */
  readonly refusal?: GatewayError;
}

export class TurnPlanner {
  readonly #options: TurnPlannerOptions;

  constructor(options: TurnPlannerOptions) {
    this.#options = options;
  }

  /** Never throws; when the signal aborts it gives what it has. */
  async plan(given: UserMessage, account: Account, signal: AbortSignal): Promise<TurnPlan> {
    const { message, tier: prefixed } = splitTier(given);
    const named = message.tier ?? prefixed;
    try {
      await this.#options.budget.check(account.userKey);
    } catch (error) {
      return { message, tier: named ?? "mid", refusal: toGatewayError(error) };
    }
    if (named) return { message, tier: named };
    if (!this.#options.autoTier) return { message, tier: "mid" };
    return { message, tier: await this.#classify(message, account, signal) };
  }

  async #classify(message: UserMessage, account: Account, signal: AbortSignal): Promise<Tier> {
    using deadline = new Deadline({
      ms: this.#options.classifyMs ?? classifyMs,
      signal,
      reason: new Error("it took too long"),
    });
    try {
      const { text } = await this.#options.llm.complete({
        tier: "low",
        purpose: "tier",
        account,
        messages: [
          { role: "system", content: classifyPrompt },
          { role: "user", content: message.content.slice(0, classifyChars) },
        ],
        signal: deadline.signal,
      });
      return tierIn(text) ?? "mid";
    } catch (error) {
      if (!signal.aborted) {
        log.info("Cannot find out a message's tier, mid answers: {error}", {
          error: errorText(error),
        });
      }
      return "mid";
    }
  }
}

/** Takes the prefix `!high`, `!mid` or `!low` off a message; one that is nothing else keeps it. */
export function splitTier(
  message: UserMessage,
): { readonly message: UserMessage; readonly tier?: Tier } {
  const found = message.content.match(prefix);
  if (!found) return { message };
  const content = message.content.slice(found[0].length);
  if (content === "" && message.attachments.length === 0) return { message };
  return { message: { ...message, content }, tier: found[1]!.toLowerCase() as Tier };
}

/** The first tier that an answer names. */
function tierIn(text: string): Tier | undefined {
  const word = text.toLowerCase().match(/\b(?:high|mid|low)\b/)?.[0];
  return tiers.find((tier) => tier === word);
}
