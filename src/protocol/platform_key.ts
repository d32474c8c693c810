/** Keys over all platforms: what an adapter calls its channels and users is unique in its platform only. */

/** The key of something of a platform. No two pairs have the same one. */
export function platformKey(platform: string, id: string): string {
  return `${platform.replaceAll("%", "%25").replaceAll(":", "%3A")}:${id}`;
}
