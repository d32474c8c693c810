/** Runs of hooks and tasks as the admin interface shows them. */

import { isoTime } from "../../lib/iso_time.ts";
import * as z from "zod";
import type { Run, RunResult } from "../../store/run_store.ts";

/** How a run went. */
export function resultView({ exitCode, durationMs, output, error }: RunResult) {
  return {
    ok: error === undefined,
    exit_code: exitCode ?? null,
    duration_ms: durationMs,
    output,
    error: error ?? null,
  };
}

/** A run; without a result it still goes on. */
export function runView({ name, trigger, startedAt, result }: Run) {
  return {
    name,
    trigger,
    started_at: isoTime(startedAt),
    running: result === undefined,
    ...(result && resultView(result)),
  };
}

/** Which runs are asked for. */
export const runQuery = z.object({
  name: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(20),
});
