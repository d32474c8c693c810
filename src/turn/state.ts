/** What a turn learns and spends on its way to its outcome. */

import type { Conversation } from "../domain/keys.ts";
import { platformKey } from "../domain/keys.ts";
import type { UserMessage } from "../domain/message.ts";
import type { ClaimedRequest } from "../domain/request.ts";
import type { Account, RequestUsage } from "../llm/client.ts";
import type { UsageEntry } from "../store/usage_store.ts";

/** The state of one turn. */
export interface TurnState {
  /** Undefined until a session was opened. */
  sessionId?: string;
  /** The user's message as history keeps it. */
  userText: string;
  readonly conversation: Conversation;
  /** Tokens of history that the context usually has room for. */
  historyRoom?: number;
  /** Whose usage it is. */
  readonly account: Account;
  readonly usage: TurnUsage;
}

/** The state at the start of a turn. */
export function turnStateOf(
  { platform, claim: { channelKey } }: Pick<ClaimedRequest, "platform" | "claim">,
  { content, channel, user }: UserMessage,
  options: { readonly now?: () => number } = {},
): TurnState {
  const account = { userKey: platformKey(platform, user.id), channelKey };
  return {
    userText: content,
    conversation: { channelKey, threadId: channel.threadId ?? "" },
    account,
    usage: new TurnUsage(account, options),
  };
}

/** The usage of a turn's model requests, until the store has it. */
export class TurnUsage {
  readonly #account: Account;
  readonly #now: () => number;
  #entries: readonly UsageEntry[] = [];

  constructor(account: Account, options: { readonly now?: () => number } = {}) {
    this.#account = account;
    this.#now = options.now ?? Date.now;
  }

  /** Adds the usage of one request. */
  readonly add = (usage: RequestUsage): void => {
    const entry = { ...usage, ...this.#account, purpose: "reply", at: this.#now() };
    this.#entries = [...this.#entries, entry];
  };

  /** The entries that are not stored yet. */
  pending(): readonly UsageEntry[] {
    return this.#entries;
  }

  /** Notes that entries were stored. */
  stored(entries: readonly UsageEntry[]): void {
    this.#entries = this.#entries.filter((entry) => !entries.includes(entry));
  }
}
