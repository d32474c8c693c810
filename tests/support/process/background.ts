/** Helpers for tests of the gateway in the background. */

import assert from "node:assert/strict";
import type { CommandFolder } from "./command_folder.ts";

/** The files left in the data folder when nothing runs. */
export const filesAtRest = ["gateway.db", "gateway.lock", "gateway.log"];

/** Starts a gateway in the background and returns its process id. */
export async function startInBackground(
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

/** The output of `status --json`. */
export async function statusOf(folder: CommandFolder) {
  const { code, out } = await folder.run(["status", "--json"]);
  return { code, ...JSON.parse(out) };
}

/** Asserts that a failed start has left no process, pid file or lock. */
export async function assertNothingRuns(folder: CommandFolder): Promise<void> {
  assert.deepEqual(await folder.processes(), []);
  await assert.rejects(Deno.stat(folder.pidFile), Deno.errors.NotFound);
  assert.equal((await statusOf(folder)).code, 3);
}
