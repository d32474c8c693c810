/** The command `forget`: deletes all that is kept of a user. */

import type { Flags } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { parsePlatformKey } from "../../domain/keys.ts";
import { parseAnswer, sayRefusal } from "../client/admin_client.ts";
import { jsonText } from "../output.ts";
import { queryGatewayOrStore } from "../client/either_admin.ts";

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
    const { deleted } = parseAnswer(await queryGatewayOrStore(flags, { path, method: "DELETE" }));
    if (flags.json) console.log(jsonText(deleted));
    else {
      const counts = Object.entries(deleted as Readonly<Record<string, number>>);
      console.log(`Deleted. ${counts.map(([name, count]) => `${name}: ${count}`).join(", ")}`);
    }
    return 0;
  });
}
