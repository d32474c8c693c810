/** Names of users' files and folders: what they may be, so that no path leaves its folder. */

import { createHash } from "node:crypto";

/** Longest name of a file, bytes in UTF-8; what common file systems allow. */
const maxNameBytes = 255;

/**
 * Checks the name of a user's file.
 *
 * @throws {Error} that says what is wrong with it.
 */
export function checkFileName(name: string): void {
  const problem = problemOf(name);
  if (problem) throw new Error(`Cannot use file name ${JSON.stringify(name)}: ${problem}`);
}

function problemOf(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (new TextEncoder().encode(name).length > maxNameBytes) {
    return `it is longer than ${maxNameBytes} bytes`;
  }
  if (/[/\\]/.test(name)) return "it must be a name without a folder";
  if (/\p{Cc}/u.test(name) || !name.isWellFormed()) return "it has control characters";
  // This covers "." and "..", and the names of the files that are being written.
  if (name.startsWith(".")) return "it must not begin with a dot";
  if (Deno.build.os === "windows" && /[<>:"|?*]|[. ]$/.test(name)) {
    return "Windows does not allow it";
  }
  return undefined;
}

/** The folder of a user: readable, and no other user's whatever the ids are. */
export function folderNameOf(userKey: string): string {
  const readable = userKey.replace(/[^A-Za-z0-9]+/g, "_").slice(0, 40);
  const digest = createHash("sha256").update(userKey).digest("hex").slice(0, 24);
  return `${readable}-${digest}`;
}
