/**
 * The PID file of a running gateway: which process it is and where it listens. The first line is the
 * process id, as other programs expect; the second is JSON.
 */

import { dirname } from "node:path";
import * as z from "zod";
import type { Flags } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { processIdentity, processState } from "../../platform/process_identity.ts";
import { fetchHealth } from "../client/health.ts";

const details = z.object({
  /** Tells the process from a later one with the same id; absent if the system does not know. */
  mark: z.string().optional(),
  address: z.string(),
  dataDir: z.string(),
  logFile: z.string().optional(),
  /** Whether `start` started it. */
  background: z.boolean(),
  /** The flags and the folder of the start, for `restart`. */
  flags: z.record(z.string(), z.union([z.string(), z.boolean()])),
  cwd: z.string(),
});

/** A gateway as its PID file describes it. */
export type RunningGateway = z.output<typeof details> & { readonly pid: number };

/** What a PID file says about the gateway. */
export type PidFileState =
  | { readonly type: "none" }
  /** It was left behind by a process that has ended, or is not a PID file. */
  | { readonly type: "stale"; readonly why: string }
  | { readonly type: "running"; readonly gateway: RunningGateway };

/** Reads the file and looks for its process. @throws {ConfigError} if the file cannot be read. */
export async function readPidFile(path: string): Promise<PidFileState> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    // Another user's file cannot be read, but its gateway may be found at its address.
    const forbidden = error instanceof Deno.errors.PermissionDenied;
    if (forbidden || error instanceof Deno.errors.NotFound) return { type: "none" };
    throw new ConfigError(`Cannot read PID file "${path}": ${(error as Error).message}`, {
      cause: error,
    });
  }
  const gateway = parse(text);
  if (!gateway) return { type: "stale", why: "it is not a PID file of this program" };
  const state = await processState(gateway.pid, gateway.mark);
  // If the processes cannot be compared, ask the gateway for its process id.
  const running = state === "same" ||
    (state === "unknown" && (await fetchHealth(gateway.address))?.pid === gateway.pid);
  if (running) return { type: "running", gateway };
  const why = state === "unknown"
    ? `process ${gateway.pid} may be another program, and does not respond`
    : `process ${gateway.pid} has ended`;
  return { type: "stale", why };
}

/**
 * Writes the PID file of this process. Disposing of it removes the file, if it is still this process's.
 *
 * @throws {ConfigError} if it cannot be written.
 */
export async function writePidFile(
  path: string,
  gateway: Omit<RunningGateway, "pid" | "mark">,
): Promise<Disposable> {
  const { pid } = Deno;
  const mark = await processIdentity(pid);
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await Deno.writeTextFile(temporary, `${pid}\n${JSON.stringify({ mark, ...gateway })}\n`, {
      mode: 0o600,
    });
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw new ConfigError(
      `Cannot write PID file "${path}": ${(error as Error).message}. ` +
        "Choose another with --pidfile (CLARA_PID_FILE).",
      { cause: error },
    );
  }
  return { [Symbol.dispose]: () => removePidFile(path, { pid, mark }) };
}

/** Removes the file if it still describes this process. */
export function removePidFile(
  path: string,
  { pid, mark }: Pick<RunningGateway, "pid" | "mark">,
): void {
  try {
    const found = parse(Deno.readTextFileSync(path));
    if (found?.pid === pid && found.mark === mark) Deno.removeSync(path);
  } catch {
    // It was removed, or cannot be: the next reader sees that it is stale.
  }
}

/** The flags that `restart` repeats. */
export function restartFlags(flags: Flags): RunningGateway["flags"] {
  const entries = Object.entries(flags).filter(([name]) => name !== "background");
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string | boolean] => entry[1] !== undefined),
  );
}

function parse(text: string): RunningGateway | undefined {
  const [first = "", second = ""] = text.split("\n");
  if (!/^[1-9]\d{0,9}$/.test(first)) return undefined;
  try {
    return { ...details.parse(JSON.parse(second)), pid: Number(first) };
  } catch {
    return undefined;
  }
}
