/** What is decided before a turn: whether its user has budget left, and which tier answers. */

import { GatewayError, toGatewayError } from "../domain/errors.ts";
import { Deadline } from "../lib/deadline.ts";
import { errorText } from "../lib/error_text.ts";
import type { Account, LlmClient } from "../llm/client.ts";
import { logger } from "../logging/log.ts";
import { type Tier, tiers, type UserMessage } from "../domain/message.ts";
import type { Spending, UsageStore } from "../store/usage_store.ts";

const log = logger("turn", "plan");

/** How long the low tier may take to classify a message, milliseconds. */
const classifyMs = 3_000;
/** Characters of the message that it is shown. */
const classifyChars = 2_000;
const classifyPrompt = "You route messages to language models. Answer with one word: " +
  '"low" for small talk and simple questions, "high" for what needs careful reasoning, long code or ' +
  'expert knowledge, "mid" for all else. Do not answer the message itself.';
const prefix = /^\s*!(high|mid|low)(?:\s+|$)/i;

/** Options of a {@linkcode TurnPlanner}. */
export interface TurnPlannerOptions {
  readonly llm: Pick<LlmClient, "complete">;
  readonly budget: Pick<Budget, "check">;
  /** Whether the low tier classifies messages that name no tier. */
  readonly autoTier: boolean;
  /** Default: 3 seconds. */
  readonly classifyMs?: number;
}

/** What was decided. */
export interface TurnPlan {
  /** The message without the prefix that names a tier. */
  readonly message: UserMessage;
  readonly tier: Tier;
  /** Why there is no answer. */
  readonly refusal?: GatewayError;
}

export class TurnPlanner {
  readonly #options: TurnPlannerOptions;

  constructor(options: TurnPlannerOptions) {
    this.#options = options;
  }

  /** Never throws; if the signal aborts it returns what it has. */
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
        log.info("Cannot classify a message, using tier mid: {error}", {
          error: errorText(error),
        });
      }
      return "mid";
    }
  }
}

/** Removes the prefix `!high`, `!mid` or `!low`, unless the message is nothing else. */
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

const dayMs = 86_400_000;

/** Options of a {@linkcode Budget}. A limit of 0 means no limit. */
export interface BudgetOptions {
  readonly usage: Pick<UsageStore, "spent">;
  /** Limits of every user. */
  readonly limits: Spending;
  /** Limits of single users, by user key; what is missing is as for everybody. */
  readonly overrides: ReadonlyMap<string, Partial<Spending>>;
  readonly now?: () => number;
}

/** What users may spend in a day, checked before each turn. */
export class Budget {
  readonly #options: BudgetOptions;
  readonly #now: () => number;

  constructor(options: BudgetOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** @throws {GatewayError} `rate_limited` if the user has used up the day's budget. */
  async check(userKey: string): Promise<void> {
    const { limits, overrides, usage } = this.#options;
    const { tokens, costNanos } = { ...limits, ...overrides.get(userKey) };
    if (tokens === 0 && costNanos === 0) return;
    const at = this.#now();
    const spent = await usage.spent({ userKey, at });
    if (tokens > 0 && spent.tokens >= tokens) {
      throw used(`${spent.tokens} of ${tokens} tokens`, at);
    }
    if (costNanos > 0 && spent.costNanos >= costNanos) {
      throw used(`${dollars(spent.costNanos)} of ${dollars(costNanos)}`, at);
    }
  }
}

function used(what: string, at: number): GatewayError {
  return new GatewayError(
    "rate_limited",
    `Your budget for today is used up (${what}). It starts again at midnight UTC.`,
    { recoverable: true, details: { retry_after_ms: dayMs - at % dayMs } },
  );
}

function dollars(nanos: number): string {
  return `$${(nanos / 1e9).toFixed(2)}`;
}
