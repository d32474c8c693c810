/**
 * What was said in private is not told elsewhere: the one rule about which memories may be seen
 * where. Used by the memory, the tools `remember` and `recall`, and mem0's scopes.
 */

import type { ChannelType } from "../domain/message.ts";
import type { MemoryView } from "./memory_store.ts";

/** Where something is said. */
export interface Place {
  readonly channelKey: string;
  /** Unknown when the adapter did not say. */
  readonly channelType?: ChannelType;
}

/** Whether what is said there is private: a channel of unknown kind may be a direct message. */
export function isPrivate({ channelType }: Place): boolean {
  return channelType === "dm" || channelType === undefined;
}

/**
 * What may be seen there: in a direct message everything of the user; in a channel of unknown kind what
 * was said in the open or in that very channel; anywhere else what was said in the open.
 */
export function viewFrom(
  { channelKey, channelType }: Place,
): Pick<MemoryView, "includePrivate" | "channelKey"> {
  return {
    includePrivate: channelType === "dm",
    channelKey: channelType === undefined ? channelKey : undefined,
  };
}
