/** What a turn has come to know and to cost, for its end. Made by the processor for each turn. */

import type { Account } from "../llm/client.ts";
import type { UserMessage } from "../domain/message.ts";
import { platformKey } from "../domain/keys.ts";
import type { Conversation } from "../domain/keys.ts";
import type { ClaimedRequest } from "../domain/request.ts";
import { TurnUsage } from "./usage.ts";

export interface TurnState {
  /** Missing while no session was opened. */
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

/** The state at the beginning of a turn. */
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
