/** Finds the secrets in URLs and headers, which servers may repeat in their errors, to keep them out of the log. */

import { Buffer } from "node:buffer";

/** Headers without secrets; any other may contain a key. */
const publicHeaders = new Set(["http-referer", "referer", "x-title", "user-agent"]);
/** Shorter values are flags or versions; redacting them would make lines unreadable. */
const minChars = 8;

/** The secrets in headers. */
export function secretsOfHeaders(headers: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(headers)
    .filter(([name, value]) => !publicHeaders.has(name.toLowerCase()) && value.length >= minChars)
    // `Bearer KEY` and `KEY`.
    .flatMap(([, value]) => [value, value.replace(/^\w+ +/, "")]);
}

/** The query of a URL, which may contain keys, as in URLs of MCP servers. */
export function secretsOfQuery(url: string): readonly string[] {
  const { search, searchParams } = new URL(url);
  return [search.slice(1), ...searchParams.values()].filter((text) => text.length >= minChars);
}

/** The password of a URL, or its user name if there is none, in each form that a server may repeat. */
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
