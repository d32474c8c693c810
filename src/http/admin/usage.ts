/** `/admin/usage`: tokens and costs of models, by user, channel, model, day or purpose. */

import { Hono } from "hono";
import * as z from "zod";
import {
  dayOf,
  usageGroups,
  type UsageRow,
  type UsageStore,
  type UsageSums,
} from "../../store/usage_store.ts";
import { parseWith } from "../../lib/schema.ts";

/** Options of {@linkcode usageRoutes}. */
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
    const query = parseWith(usageQuery, context.req.query());
    if ("problem" in query) return context.json({ error: query.problem }, 400);
    return context.json(await usageView(usage, query.value));
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

/** Usage on the day of `now`, for /health. The sum over all time would be too expensive there. */
export async function usageOfDay(usage: UsageRoutesOptions["usage"], now: number) {
  const day = dayOf(now);
  const { key: _, ...sums } = rowView(await usage.total({ from: day, to: day }));
  return { day, ...sums };
}

/** The JSON of a row; costs are in dollars. */
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
