/** The commands `memory` and `forget`: what is stored about a user, and its deletion. */

import type { Flags } from "../../config/config.ts";
import { parsePlatformKey } from "../../domain/keys.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { type AdminAnswer, AdminClient } from "../client/admin_client.ts";
import { locateGateway } from "../client/location.ts";
import { jsonText, printRows } from "../output.ts";

const listLimit = 1000;
const searchLimit = 20;

/** Runs `memory ACTION`. */
export async function memory(flags: Flags, words: readonly string[]): Promise<number> {
  const [action, ...rest] = words;
  const user = String(flags.user ?? "");
  if (!parsePlatformKey(user)) throw new ConfigError("Missing: --user PLATFORM:ID");
  if (action === "forget") {
    const body = { user, ...selectedMemories(flags) };
    const admin = new AdminClient(await locateGateway(flags));
    const { forgotten } = await admin.queryGatewayOrStore({ path: "/memory/forget", body });
    console.log(`Deleted: ${forgotten}`);
    return Number(forgotten) > 0 || "all" in body ? 0 : 1;
  }
  const path = action === "search" ? searchPath(user, rest.join(" ")) : listPath(user);
  const admin = new AdminClient(await locateGateway(flags));
  const { memories } = await admin.queryGatewayOrStore({ path });
  return printRows(memories as readonly AdminAnswer[], {
    json: Boolean(flags.json),
    empty: "There are no memories.",
    head: ["ID", "DATE", "WHERE", "MEMORY"],
    cells: (row) => [
      row.id,
      String(row.created_at ?? "-").slice(0, 10),
      `${row.channel ?? "-"}${row.private ? " (private)" : ""}`,
      // One row is one line, and text from users must not control the terminal.
      String(row.text).replace(/[\s\p{Cc}]+/gu, " "),
    ],
  });
}

function listPath(user: string): string {
  return `/memory?${new URLSearchParams({ user, limit: String(listLimit) })}`;
}

function searchPath(user: string, query: string): string {
  if (query === "") throw new ConfigError("Missing: what to search for");
  return `/memory/search?${new URLSearchParams({ user, query, limit: String(searchLimit) })}`;
}

/** The memories to delete. @throws {ConfigError} unless exactly one way to select them was given. */
function selectedMemories(flags: Flags): object {
  const selections = [
    flags.id !== undefined && { id: String(flags.id) },
    flags.text !== undefined && { text: String(flags.text).trim() },
    flags.all === true && { all: true },
  ].filter((selection) => selection !== false);
  const [selection] = selections;
  if (!selection || selections.length > 1 || ("text" in selection && selection.text === "")) {
    throw new ConfigError("Missing: what to delete, one of --id ID, --text TEXT and --all");
  }
  return selection;
}

/** Runs `forget`. */
export async function forget(flags: Flags): Promise<number> {
  const user = flags.user === undefined ? "" : String(flags.user);
  if (!parsePlatformKey(user)) {
    throw new ConfigError(
      `Cannot use --user=${JSON.stringify(user)}: expected PLATFORM:ID, such as discord:123`,
    );
  }
  const admin = new AdminClient(await locateGateway(flags));
  const { deleted } = await admin.queryGatewayOrStore({
    path: `/users/${encodeURIComponent(user)}`,
    method: "DELETE",
  });
  if (flags.json) console.log(jsonText(deleted));
  else {
    const counts = Object.entries(deleted as Readonly<Record<string, number>>);
    console.log(`Deleted: ${counts.map(([name, count]) => `${name} ${count}`).join(", ")}`);
  }
  return 0;
}
