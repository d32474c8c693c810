/** What a turn gives the memory to learn from. Written with its outcome, by the processor. */

import { platformKey } from "../domain/keys.ts";
import type { Exchange } from "../store/exchange_store.ts";
import type { ClaimedRequest, Outcome } from "../domain/request.ts";

/** Characters of either side that are kept. */
const maxChars = 8_000;

/** What was said and answered; undefined where nobody asked, or nothing was answered in full. */
export function exchangeOf(
  { message, nodeId, platform, claim }: ClaimedRequest,
  { outcome, now }: { readonly outcome: Outcome; readonly now: number },
): Exchange | undefined {
  if (outcome.type !== "reply" || message.task || message.content.trim() === "") return undefined;
  const { user, channel, content } = message;
  return {
    key: `${nodeId}/${message.requestId}`,
    userKey: platformKey(platform, user.id),
    userName: user.name,
    channelKey: claim.channelKey,
    channelType: channel.type,
    question: content.slice(0, maxChars),
    answer: outcome.text.slice(0, maxChars),
    at: now,
  };
}
