/** How hooks and tasks went: the action `results` of both commands. */

import { runView } from "../../http/admin/runs.ts";
import { type Flags, readConfig } from "../../config/config.ts";
import type { RunKind } from "../../store/run_store.ts";
import { type AdminAnswer, askAdmin, ifRunning } from "../client/admin_client.ts";
import { openExisting } from "../client/existing_store.ts";
import { jsonText, runLines } from "../output.ts";

/** Whose runs. */
interface RunsOf {
  readonly kind: RunKind;
  /** One hook's or task's. Default: those of all. */
  readonly name?: string;
}

/** Shows the newest runs last, of a running gateway or of its store; gives the exit code. */
export async function showResults(flags: Flags, { kind, name }: RunsOf): Promise<number> {
  const query = name === undefined ? "" : `?name=${encodeURIComponent(name)}`;
  const found = await ifRunning(
    () => askAdmin(flags, { path: `/${kind}s/results${query}` }),
    () => stored(flags, { kind, name }),
  );
  const runs = (found.results as readonly AdminAnswer[]).toReversed();
  if (flags.json) console.log(jsonText(runs));
  else if (runs.length === 0) console.log(`No ${kind} has run yet.`);
  else runs.forEach((run) => console.log(runLines(run)));
  return 0;
}

/** The newest runs first; none where there is no store. */
async function stored(flags: Flags, { kind, name }: RunsOf): Promise<AdminAnswer> {
  await using store = openExisting(readConfig(flags).dataDir);
  const runs = await store?.runs.recent({ kind, name, limit: 20 }) ?? [];
  return { results: runs.map(runView) };
}
