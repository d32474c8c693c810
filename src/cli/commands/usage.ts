/** The command `usage`: tokens and cost of models. */

import type { Flags } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { type UsageGroup, usageGroups } from "../../store/usage_store.ts";
import { type AdminAnswer, AdminClient } from "../client/admin_client.ts";
import { locateGateway } from "../client/location.ts";
import { jsonText, table } from "../output.ts";

/** Runs `usage [GROUP]`. */
export async function usage(flags: Flags, words: readonly string[]): Promise<number> {
  const [by = "day"] = words;
  const group = usageGroups.find((known) => known === by);
  if (!group) {
    throw new ConfigError(
      `Cannot use "${by}" after usage: expected one of ${usageGroups.join(", ")}`,
    );
  }
  const from = readDay(flags, "from");
  const to = readDay(flags, "to");
  const query = new URLSearchParams({ by: group, ...(from && { from }), ...(to && { to }) });
  const admin = new AdminClient(await locateGateway(flags));
  const answer = await admin.queryGatewayOrStore({ path: `/usage?${query}` });
  console.log(flags.json ? jsonText(answer) : usageTable(group, answer));
  return 0;
}

function readDay(flags: Flags, name: "from" | "to"): string | undefined {
  const value = flags[name]?.toString();
  if (value === undefined || /^\d{4}-\d{2}-\d{2}$/.test(value)) return value;
  throw new ConfigError(`Cannot use --${name}=${value}: expected a day such as 2026-01-31`);
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
