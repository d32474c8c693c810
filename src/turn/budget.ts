/** What users may spend in a day. Asked before each turn; what runs already runs to its end. */

import { GatewayError } from "../domain/errors.ts";
import type { Spending, UsageStore } from "../store/usage_store.ts";

const dayMs = 86_400_000;

/** What a {@linkcode Budget} is given. A limit of 0 is none. */
export interface BudgetOptions {
  readonly usage: Pick<UsageStore, "spent">;
  /** Of every user. */
  readonly limits: Spending;
  /** Of single users, by their key; what is missing there is as for all. */
  readonly overrides: ReadonlyMap<string, Partial<Spending>>;
  readonly now?: () => number;
}

export class Budget {
  readonly #options: BudgetOptions;
  readonly #now: () => number;

  constructor(options: BudgetOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** @throws {GatewayError} `rate_limited` when the user has spent what a day has. */
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
    `Your budget for today is used up (${what}). It starts anew at midnight UTC.`,
    { recoverable: true, details: { retry_after_ms: dayMs - at % dayMs } },
  );
}

function dollars(nanos: number): string {
  return `$${(nanos / 1e9).toFixed(2)}`;
}
