/** What tests of the gateway in the background begin with, look at and end with. */

import assert from "node:assert/strict";
import type { CommandFolder } from "./command_folder.ts";

/** What is left in the data folder when nothing runs: the store, its lock, the log. */
export const atRest = ["gateway.db", "gateway.lock", "gateway.log"];

/** Starts a gateway in the background; gives its process. */
export async function startIn(
  folder: CommandFolder,
  args: readonly string[] = [],
): Promise<number> {
  const { code, out, err } = await folder.run(["start", ...args]);
  assert.deepEqual([code, err], [0, ""]);
  assert.match(
    out,
    /^The gateway is running: process \d+ at 127\.0\.0\.1:\d+\nLog: .*gateway\.log\n$/,
  );
  return Number(/process (\d+)/.exec(out)![1]);
}

/** What `status --json` says. */
export async function statusOf(folder: CommandFolder) {
  const { code, out } = await folder.run(["status", "--json"]);
  return { code, ...JSON.parse(out) };
}

/** Nothing of a start that failed is left: no process, no pid file, no lock. */
export async function assertNothingRuns(folder: CommandFolder): Promise<void> {
  assert.deepEqual(await folder.processes(), []);
  await assert.rejects(Deno.stat(folder.pidFile), Deno.errors.NotFound);
  assert.equal((await statusOf(folder)).code, 3);
}
