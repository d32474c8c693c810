/** Keys that are unique over all platforms: ids of channels and users are unique only within theirs. */

/** The key of a channel or user. Different pairs have different keys. */
export function platformKey(platform: string, id: string): string {
  return `${platform.replaceAll("%", "%25").replaceAll(":", "%3A")}:${id}`;
}

/** The parts of a key; undefined if it is not one. */
export function parsePlatformKey(
  key: string,
): { readonly platform: string; readonly id: string } | undefined {
  const colon = key.indexOf(":");
  if (colon < 1 || colon === key.length - 1) return undefined;
  const platform = key.slice(0, colon).replaceAll("%3A", ":").replaceAll("%25", "%");
  return { platform, id: key.slice(colon + 1) };
}

/** The conversation that a line of history belongs to. `threadId` is empty outside threads. */
export interface Conversation {
  readonly channelKey: string;
  readonly threadId: string;
}
