/**
 * The command `usage`: what models were used for and what it cost; of a running gateway if there is
 * one, else from its store.
 */

import { usageView } from "../../http/admin/usage.ts";
import { type Flags, readConfig } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { type UsageGroup, usageGroups } from "../../store/usage_store.ts";
import { type AdminAnswer, askAdmin, ifRunning, sayRefusal } from "../client/admin_client.ts";
import { openExisting } from "../client/existing_store.ts";
import { jsonText, table } from "../output.ts";

/** Runs the command; resolves with the exit code. @throws {ConfigError} for wrong usage. */
export async function usage(args: readonly string[], flags: Flags): Promise<number> {
  const [by = "day"] = args;
  const group = usageGroups.find((known) => known === by);
  if (!group) throw new ConfigError(`Unknown: usage ${by}. clara-gateway usage --help says more.`);
  const range = { from: dayFlag(flags, "from"), to: dayFlag(flags, "to") };
  const query = new URLSearchParams({
    by: group,
    ...(range.from && { from: range.from }),
    ...(range.to && { to: range.to }),
  });
  return await sayRefusal(async () => {
    const found = await ifRunning(
      () => askAdmin(flags, { path: `/usage?${query}` }),
      () => stored(flags, { by: group, ...range }),
    );
    if (flags.json) console.log(jsonText(found));
    else console.log(usageTable(group, found));
    return 0;
  });
}

function dayFlag(flags: Flags, name: "from" | "to"): string | undefined {
  const value = flags[name]?.toString();
  if (value === undefined || /^\d{4}-\d{2}-\d{2}$/.test(value)) return value;
  throw new ConfigError(`Cannot use --${name}=${value}: expected a day such as 2026-01-31`);
}

/** What the store of a gateway that does not run has; nothing where there is no store. */
async function stored(
  flags: Flags,
  query: { readonly by: UsageGroup; readonly from?: string; readonly to?: string },
): Promise<AdminAnswer> {
  await using store = openExisting(readConfig(flags).dataDir);
  return store ? await usageView(store.usage, query) : { rows: [] };
}

function usageTable(by: UsageGroup, { rows, total }: AdminAnswer): string {
  const list = rows as readonly AdminAnswer[];
  if (list.length === 0) return "No model was used.";
  const head = [by.toUpperCase(), "REQUESTS", "INPUT", "CACHED", "OUTPUT", "COST", "ESTIMATED"];
  return table([head, ...[...list, total as AdminAnswer].map(cells)]);
}

function cells(row: AdminAnswer): readonly string[] {
  return [
    String(row.key),
    String(row.requests),
    String(row.input_tokens),
    String(row.cached_tokens),
    String(row.output_tokens),
    `$${Number(row.cost).toFixed(4)}`,
    String((row.estimated as AdminAnswer).requests),
  ];
}
