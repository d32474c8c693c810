/** The command `stop`: asks the gateway to end in order, and ends it where it does not. */

import { type DaemonConfig, type Flags, readDaemonConfig } from "../../config/config.ts";
import { pause } from "../../lib/wait.ts";
import { askHealth } from "../client/health.ts";
import { type GatewayNote, readPidFile, removePidFile } from "../daemon/pid_file.ts";
import { stateOf } from "../../platform/process_identity.ts";
import { secondsOf } from "../seconds.ts";

/** What a stop takes beside the drain time, milliseconds. */
const graceMs = 10_000;
/** How long a killed process may take to be gone, milliseconds. */
const killMs = 5_000;
const pollMs = 50;

/** Stops the gateway; resolves with the exit code. */
export async function stop(flags: Flags): Promise<number> {
  const daemon = readDaemonConfig(flags);
  const state = await readPidFile(daemon.pidFile);
  if (state.type === "running") return await stopGateway(state.note, { daemon, flags });
  if (state.type === "stale") {
    console.log(`The gateway does not run: ${state.why}. Removing ${daemon.pidFile}`);
    await Deno.remove(daemon.pidFile).catch(() => {});
    return 0;
  }
  const other = await askHealth(daemon.address);
  if (!other) {
    console.log("The gateway does not run");
    return 0;
  }
  console.error(
    `Cannot stop the gateway at ${daemon.address}${other.pid ? ` (process ${other.pid})` : ""}: ` +
      `${daemon.pidFile} does not speak of it. Say which one with --data-dir or --pidfile, as its user.`,
  );
  return 1;
}

/** Stops the gateway that a pid file speaks of; resolves with the exit code. */
export async function stopGateway(
  note: GatewayNote,
  { daemon, flags }: { readonly daemon: DaemonConfig; readonly flags: Flags },
): Promise<number> {
  const timeoutMs = secondsOf(flags.timeout) ?? daemon.drainMs + graceMs;
  const startedAt = Date.now();
  try {
    Deno.kill(note.pid, "SIGTERM");
    if (await goneWithin(note, timeoutMs)) {
      const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
      console.log(`The gateway has stopped (process ${note.pid}, ${seconds} seconds)`);
      return 0;
    }
    console.error(
      `The gateway (process ${note.pid}) did not end within ${
        timeoutMs / 1000
      } seconds: killing it`,
    );
    Deno.kill(note.pid, "SIGKILL");
  } catch (error) {
    if (await goneWithin(note, 0)) return 0;
    const who = error instanceof Deno.errors.PermissionDenied
      ? "it belongs to another user"
      : (error as Error).message;
    console.error(`Cannot stop the gateway (process ${note.pid}): ${who}`);
    return 1;
  }
  if (!await goneWithin(note, killMs)) {
    console.error(`Cannot stop the gateway: process ${note.pid} is there even after SIGKILL`);
    return 1;
  }
  removePidFile(daemon.pidFile, note);
  return 0;
}

async function goneWithin({ pid, mark }: GatewayNote, timeoutMs: number): Promise<boolean> {
  const never = new AbortController().signal;
  for (const deadline = Date.now() + timeoutMs;; await pause(pollMs, never)) {
    if (await stateOf(pid, mark) === "gone") return true;
    if (Date.now() >= deadline) return false;
  }
}
