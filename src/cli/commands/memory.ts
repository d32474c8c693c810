/**
 * The command `memory`: what is remembered of a user, and forgetting it; in the running gateway if there is
 * one, else in the store and in mem0.
 */

import { forgetMemories, memoryView, searchMemories } from "../../http/admin/memory.ts";
import { type Flags, readConfig } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { errorText } from "../../lib/error_text.ts";
import { UserMemory } from "../../memory/user_memory.ts";
import { parsePlatformKey } from "../../domain/keys.ts";
import { SqliteStore } from "../../store/sqlite/store.ts";
import {
  type AdminAnswer,
  AdminError,
  askAdmin,
  ifRunning,
  sayRefusal,
} from "../client/admin_client.ts";
import { openExisting } from "../client/existing_store.ts";
import { jsonText, table } from "../output.ts";

const limit = 1000;

/** Runs the command; resolves with the exit code. @throws {ConfigError} for wrong usage. */
export async function memory(args: readonly string[], flags: Flags): Promise<number> {
  const [action = "", ...words] = args;
  if (!["list", "search", "forget"].includes(action)) {
    throw new ConfigError(
      `Unknown: memory ${action}. clara-gateway memory --help says what there is.`,
    );
  }
  const user = String(flags.user ?? "");
  if (!parsePlatformKey(user)) throw new ConfigError("Missing: --user PLATFORM:ID");
  return await sayRefusal(async () => {
    if (action === "forget") return await forget(user, flags);
    return show(await find(user, { query: words.join(" "), action, flags }), flags);
  });
}

async function find(
  user: string,
  { query, action, flags }: {
    readonly query: string;
    readonly action: string;
    readonly flags: Flags;
  },
): Promise<AdminAnswer> {
  if (action === "search" && query === "") throw new ConfigError("Missing: what to search for");
  const { signal } = new AbortController();
  const fields = new URLSearchParams({ user, limit: String(action === "list" ? limit : 20) });
  if (action === "search") fields.set("query", query);
  return await ifRunning(
    () => askAdmin(flags, { path: `/memory${action === "search" ? "/search" : ""}?${fields}` }),
    () =>
      withoutGateway(flags, async (own) => {
        const found = action === "search"
          ? await searchMemories(own, { user, query, limit: 20 }, signal)
          : await own.backend.list(user, { limit, signal });
        return { memories: found.map(memoryView) };
      }),
  );
}

function show({ memories }: AdminAnswer, flags: Flags): number {
  const rows = memories as readonly AdminAnswer[];
  if (flags.json) console.log(jsonText(rows));
  else if (rows.length === 0) console.log("Nothing is remembered.");
  else {
    const head = ["ID", "DATE", "WHERE", "MEMORY"];
    console.log(table([
      head,
      ...rows.map((row) => [
        String(row.id),
        String(row.created_at ?? "-").slice(0, 10),
        `${row.channel ?? "-"}${row.private ? " (private)" : ""}`,
        // A line is a line, and what others wrote must not steer the terminal.
        String(row.text).replace(/[\s\p{Cc}]+/gu, " "),
      ]),
    ]));
  }
  return 0;
}

async function forget(user: string, flags: Flags): Promise<number> {
  const wanted = [
    flags.id !== undefined && { user, id: String(flags.id) },
    flags.text !== undefined && { user, text: String(flags.text).trim() },
    flags.all === true && { user, all: true as const },
  ].filter((choice) => choice !== false);
  const [only] = wanted;
  if (!only || wanted.length > 1 || ("text" in only && only.text === "")) {
    throw new ConfigError("Say what to forget: one of --id ID, --text TEXT and --all");
  }
  const { forgotten } = await ifRunning(
    () => askAdmin(flags, { path: "/memory/forget", body: only }),
    () =>
      withoutGateway(flags, async (own) => ({
        forgotten: await forgetMemories(own, only, new AbortController().signal),
      })),
  );
  console.log(`Forgotten: ${forgotten}`);
  return Number(forgotten) > 0 || "all" in only ? 0 : 1;
}

/** Looks where a gateway would; in a folder without a store there is nothing. */
async function withoutGateway(
  flags: Flags,
  use: (memory: UserMemory) => Promise<AdminAnswer>,
): Promise<AdminAnswer> {
  const config = readConfig(flags);
  const mem0 = config.memory.kind === "mem0";
  await using store = openExisting(config.dataDir) ??
    (mem0 ? SqliteStore.open(config.dataDir) : undefined);
  if (!store) return { memories: [], forgotten: 0 };
  await using own = new UserMemory(config, { store });
  try {
    return await use(own);
  } catch (error) {
    // As the gateway's admin interface would say it.
    throw new AdminError(errorText(error), { cause: error });
  }
}
