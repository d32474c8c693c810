/** The command `forget`: deletes all that is kept of a user. */

import type { Flags } from "../config.ts";
import { ConfigError, errorText, StoreError } from "../errors.ts";
import { parsePlatformKey } from "../protocol/platform_key.ts";
import { askEither } from "./sessions_command.ts";

/** Runs the command; resolves with the exit code. @throws {ConfigError} for wrong usage. */
export async function forget(flags: Flags): Promise<number> {
  const user = flags.user === undefined ? "" : String(flags.user);
  if (!parsePlatformKey(user)) {
    throw new ConfigError(
      `Cannot use --user=${JSON.stringify(user)}: expected PLATFORM:ID, such as discord:123`,
    );
  }
  try {
    const path = `/users/${encodeURIComponent(user)}`;
    const text = await askEither(flags, { path, method: "DELETE" });
    const { deleted } = JSON.parse(text) as { readonly deleted: Readonly<Record<string, number>> };
    if (flags.json) console.log(JSON.stringify(deleted, null, 2));
    else {
      const counts = Object.entries(deleted).map(([name, count]) => `${name}: ${count}`);
      console.log(`Deleted. ${counts.join(", ")}`);
    }
    return 0;
  } catch (error) {
    if (error instanceof StoreError) throw error;
    console.error(errorText(error));
    return 1;
  }
}
