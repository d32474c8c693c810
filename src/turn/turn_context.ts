/** Who a turn is for: as events tell it, as tools and the memory see it. Used by the processor. */

import type { RecallRequest } from "../memory/recall.ts";
import { platformKey } from "../domain/keys.ts";
import type { ClaimedRequest } from "../domain/request.ts";
import type { ToolContext } from "../tools/tool.ts";

/** What the tools of a turn are told. */
export function toolContextOf(
  { nodeId, platform, message, claim }: ClaimedRequest,
  { sessionId }: { readonly sessionId: string },
): ToolContext {
  return {
    nodeId,
    platform,
    requestId: message.requestId,
    userId: message.user.id,
    channelId: message.channel.id,
    channelKey: claim.channelKey,
    channelType: message.channel.type,
    sessionId,
    message,
  };
}

/** What the memory is asked for a turn. */
export function recallOf(
  { platform, message, claim }: ClaimedRequest,
  signal: AbortSignal,
): RecallRequest {
  return {
    userKey: platformKey(platform, message.user.id),
    channelKey: claim.channelKey,
    channelType: message.channel.type,
    query: message.content,
    signal,
  };
}
