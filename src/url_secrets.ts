/** What a URL holds that no log may show. Used where the settings and `models.yaml` are read. */

import { Buffer } from "node:buffer";

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
