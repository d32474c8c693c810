/** Runs of hooks and tasks: `/admin/hooks/results` and `/admin/tasks/results`. */

import type { Handler } from "hono";
import * as z from "zod";
import { isoTime } from "../../lib/iso_time.ts";
import { parseWith } from "../../lib/schema.ts";
import type { Run, RunKind, RunResult, RunStore } from "../../store/run_store.ts";

const runQuery = z.object({
  name: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(20),
});

/** Lists the newest runs of a kind first. */
export function listRuns(runs: Pick<RunStore, "recent">, kind: RunKind): Handler {
  return async (context) => {
    const query = parseWith(runQuery, context.req.query());
    if ("problem" in query) return context.json({ error: query.problem }, 400);
    const found = await runs.recent({ kind, ...query.value });
    return context.json({ results: found.map(runView) });
  };
}

/** The JSON of a run; without a result it is still running. */
export function runView({ name, trigger, startedAt, result }: Run) {
  return {
    name,
    trigger,
    started_at: isoTime(startedAt),
    running: result === undefined,
    ...(result && resultView(result)),
  };
}

/** The JSON of a run's result. */
export function resultView({ exitCode, durationMs, output, error }: RunResult) {
  return {
    ok: error === undefined,
    exit_code: exitCode ?? null,
    duration_ms: durationMs,
    output,
    error: error ?? null,
  };
}
