/** The command `forget`: deletes all that is kept of a user. */

import type { Flags } from "../config.ts";
import { ConfigError } from "../errors.ts";
import { parsePlatformKey } from "../protocol/platform_key.ts";
import { parseAnswer, sayRefusal } from "./admin_client.ts";
import { jsonText } from "./run_lines.ts";
import { askEither } from "./either_admin.ts";

/** Runs the command; resolves with the exit code. @throws {ConfigError} for wrong usage. */
export async function forget(flags: Flags): Promise<number> {
  const user = flags.user === undefined ? "" : String(flags.user);
  if (!parsePlatformKey(user)) {
    throw new ConfigError(
      `Cannot use --user=${JSON.stringify(user)}: expected PLATFORM:ID, such as discord:123`,
    );
  }
  return await sayRefusal(async () => {
    const path = `/users/${encodeURIComponent(user)}`;
    const { deleted } = parseAnswer(await askEither(flags, { path, method: "DELETE" }));
    if (flags.json) console.log(jsonText(deleted));
    else {
      const counts = Object.entries(deleted as Readonly<Record<string, number>>);
      console.log(`Deleted. ${counts.map(([name, count]) => `${name}: ${count}`).join(", ")}`);
    }
    return 0;
  });
}
