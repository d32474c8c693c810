/** Keys over all platforms: what an adapter calls its channels and users is unique in its platform only. */

/** The key of something of a platform. No two pairs have the same one. */
export function platformKey(platform: string, id: string): string {
  return `${platform.replaceAll("%", "%25").replaceAll(":", "%3A")}:${id}`;
}

/** What a key was made of; undefined where it is none. */
export function parsePlatformKey(
  key: string,
): { readonly platform: string; readonly id: string } | undefined {
  const colon = key.indexOf(":");
  if (colon < 1 || colon === key.length - 1) return undefined;
  const platform = key.slice(0, colon).replaceAll("%3A", ":").replaceAll("%25", "%");
  return { platform, id: key.slice(colon + 1) };
}

/** Which conversation a line of history belongs to. `threadId` is empty outside a thread. */
export interface Conversation {
  readonly channelKey: string;
  readonly threadId: string;
}
