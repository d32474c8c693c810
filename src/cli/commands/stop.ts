/** The command `stop`: asks the gateway to stop, and kills it if it does not in time. */

import { type DaemonConfig, type Flags, readDaemonConfig } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { maxTimerSeconds, pause } from "../../lib/wait.ts";
import { processState } from "../../platform/process_identity.ts";
import { fetchHealth } from "../client/health.ts";
import { readPidFile, removePidFile, type RunningGateway } from "../daemon/pid_file.ts";

/** How long a stop may take beyond the drain time, milliseconds. */
const graceMs = 10_000;
/** How long a process may take to end after SIGKILL, milliseconds. */
const killMs = 5_000;
const pollMs = 50;

/** Runs `stop`. */
export async function stop(flags: Flags): Promise<number> {
  const daemon = readDaemonConfig(flags);
  const timeoutMs = readTimeoutMs(flags);
  const state = await readPidFile(daemon.pidFile);
  if (state.type === "running") return await stopGateway(state.gateway, { daemon, timeoutMs });
  if (state.type === "stale") {
    console.log(`The gateway is not running: ${state.why}. Removing ${daemon.pidFile}`);
    await Deno.remove(daemon.pidFile).catch(() => {});
    return 0;
  }
  const other = await fetchHealth(daemon.address);
  if (!other) {
    console.log("The gateway is not running");
    return 0;
  }
  console.error(
    `Cannot stop the gateway at ${daemon.address}${other.pid ? ` (process ${other.pid})` : ""}: ` +
      `${daemon.pidFile} is not its PID file. Select the gateway with --data-dir or --pidfile, as its user.`,
  );
  return 1;
}

/** Options of {@linkcode stopGateway}. */
export interface StopOptions {
  readonly daemon: DaemonConfig;
  /** When to kill the gateway, milliseconds. Default: the drain time and 10 seconds. */
  readonly timeoutMs?: number;
}

/** Stops the gateway that a PID file describes; resolves with the exit code. */
export async function stopGateway(
  gateway: RunningGateway,
  { daemon, timeoutMs = daemon.drainMs + graceMs }: StopOptions,
): Promise<number> {
  const { pid } = gateway;
  const startedAt = Date.now();
  try {
    Deno.kill(pid, "SIGTERM");
    if (await endsWithin(gateway, timeoutMs)) {
      const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
      console.log(`The gateway has stopped (process ${pid}, ${seconds} seconds)`);
      return 0;
    }
    console.error(
      `The gateway (process ${pid}) did not stop within ${timeoutMs / 1000} seconds; killing it`,
    );
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (await endsWithin(gateway, 0)) return 0;
    const why = error instanceof Deno.errors.PermissionDenied
      ? "it belongs to another user"
      : (error as Error).message;
    console.error(`Cannot stop the gateway (process ${pid}): ${why}`);
    return 1;
  }
  if (!await endsWithin(gateway, killMs)) {
    console.error(`Cannot stop the gateway: process ${pid} survived SIGKILL`);
    return 1;
  }
  removePidFile(daemon.pidFile, gateway);
  return 0;
}

async function endsWithin({ pid, mark }: RunningGateway, timeoutMs: number): Promise<boolean> {
  for (const deadline = Date.now() + timeoutMs;; await pause(pollMs)) {
    if (await processState(pid, mark) === "gone") return true;
    if (Date.now() >= deadline) return false;
  }
}

/** The value of `--timeout`, milliseconds; undefined if not given. @throws {ConfigError} */
export function readTimeoutMs({ timeout }: Flags): number | undefined {
  if (timeout === undefined) return undefined;
  const seconds = timeout === "" ? NaN : Number(timeout);
  if (seconds >= 0 && seconds <= maxTimerSeconds) return seconds * 1000;
  throw new ConfigError(
    `Cannot use --timeout=${JSON.stringify(timeout)}: expected a number of seconds`,
  );
}
