/**
 * What a request holds that no log may show, though who gets it may repeat it. Used where URLs and headers
 * are read: the settings, `models.yaml`, `mcp.json`.
 */

import { Buffer } from "node:buffer";

/** Headers that tell who asks; what any other holds may be a key. */
const openHeaders = new Set(["http-referer", "referer", "x-title", "user-agent"]);
/** What is shorter is a switch or a version: to hide it would make lines unreadable. */
const shortest = 8;

/** The values of headers. */
export function secretsOfHeaders(headers: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(headers)
    .filter(([name, value]) => !openHeaders.has(name.toLowerCase()) && value.length >= shortest)
    // The scheme of `Bearer KEY` is none of it.
    .flatMap(([, value]) => [value, value.replace(/^\w+ +/, "")]);
}

/** What stands behind the `?` of a URL: keys do, in those of MCP servers. */
export function secretsOfQuery(url: string): readonly string[] {
  const { search, searchParams } = new URL(url);
  return [search.slice(1), ...searchParams.values()].filter((text) => text.length >= shortest);
}

/** The password of a URL, or a user name that stands alone, in each form in which a server may repeat it. */
export function secretsOfUrl(url: string): readonly string[] {
  const { username, password } = new URL(url);
  const secret = password || username;
  if (secret === "") return [];
  const plain = [username, password].map(decoded).join(":");
  return [secret, decoded(secret), Buffer.from(plain).toString("base64")];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
