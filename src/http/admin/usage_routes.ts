/** `/admin/usage`: what models were used for, by user, channel, model, day or purpose. */

import { Hono } from "hono";
import * as z from "zod";
import {
  dayOf,
  usageGroups,
  type UsageRow,
  type UsageStore,
  type UsageSums,
} from "../../store/usage_store.ts";
import { readWith } from "../../tools/tool.ts";

/** What these routes are given. */
export interface UsageRoutesOptions {
  readonly usage: Pick<UsageStore, "sums" | "total">;
}

const day = z.iso.date({ error: "expected a day such as 2026-01-31" });
const usageQuery = z.object({
  by: z.enum(usageGroups).default("day"),
  from: day.optional(),
  to: day.optional(),
});

export function usageRoutes({ usage }: UsageRoutesOptions): Hono {
  const app = new Hono();
  app.get("/", async (context) => {
    const query = readWith(usageQuery, context.req.query());
    if ("problem" in query) return context.json({ error: query.problem }, 400);
    return context.json(await usageView(usage, query.value as z.output<typeof usageQuery>));
  });
  return app;
}

/** The rows and their total. */
export async function usageView(
  usage: UsageRoutesOptions["usage"],
  { by, ...range }: z.output<typeof usageQuery>,
) {
  const [rows, total] = await Promise.all([usage.sums({ by, ...range }), usage.total(range)]);
  return { by, ...range, rows: rows.map(rowView), total: rowView(total) };
}

/** What models took on the day of `now`, for /health: all time would be too much for each look. */
export async function usageOfDay(usage: UsageRoutesOptions["usage"], now: number) {
  const day = dayOf(now);
  const { key: _, ...sums } = rowView(await usage.total({ from: day, to: day }));
  return { day, ...sums };
}

/** A row as it is shown; costs in dollars. */
function rowView({ key, estimated, ...sums }: UsageRow) {
  return { key, ...sumsView(sums), estimated: sumsView(estimated) };
}

function sumsView({ requests, inputTokens, cachedTokens, outputTokens, costNanos }: UsageSums) {
  return {
    requests,
    input_tokens: inputTokens,
    cached_tokens: cachedTokens,
    output_tokens: outputTokens,
    cost: costNanos / 1e9,
  };
}
