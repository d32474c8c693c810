/** What a turn's requests to models took, until the store has it. Made by the processor for each turn. */

import type { Account, RequestUsage } from "../llm/client.ts";
import type { UsageEntry } from "../store/usage_store.ts";

export class TurnUsage {
  readonly #account: Account;
  readonly #now: () => number;
  #entries: readonly UsageEntry[] = [];

  constructor(account: Account, options: { readonly now?: () => number } = {}) {
    this.#account = account;
    this.#now = options.now ?? Date.now;
  }

  /** Takes in one request. */
  readonly add = (usage: RequestUsage): void => {
    const entry = { ...usage, ...this.#account, purpose: "reply", at: this.#now() };
    this.#entries = [...this.#entries, entry];
  };

  /** What the store does not have yet. */
  open(): readonly UsageEntry[] {
    return this.#entries;
  }

  /** The store has these. */
  kept(entries: readonly UsageEntry[]): void {
    this.#entries = this.#entries.filter((entry) => !entries.includes(entry));
  }
}
