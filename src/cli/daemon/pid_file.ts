/**
 * The pid file of a running gateway: which process it is and where it listens. Its first line is the
 * process's number, as other programs expect it; the second has the rest as JSON. Written by `run`, read
 * by the commands that look for the gateway.
 */

import { dirname } from "node:path";
import * as z from "zod";
import type { Flags } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { askHealth } from "../client/health.ts";
import { markOf, stateOf } from "../../platform/process_identity.ts";

const details = z.object({
  /** When the process started; absent where nobody can tell. */
  mark: z.string().optional(),
  address: z.string(),
  dataDir: z.string(),
  logFile: z.string().optional(),
  /** Whether `start` has started it. */
  background: z.boolean(),
  /** The flags and the folder that it was started with, for `restart`. */
  flags: z.record(z.string(), z.union([z.string(), z.boolean()])),
  cwd: z.string(),
});

/** A running gateway, as its pid file has it. */
export type GatewayNote = z.output<typeof details> & { readonly pid: number };

/** What a pid file says of the gateway. */
export type PidFileState =
  | { readonly type: "none" }
  /** It was left behind by a process that is gone, or holds something else. */
  | { readonly type: "stale"; readonly why: string }
  | { readonly type: "running"; readonly note: GatewayNote };

/** Reads the file and looks for its process. @throws {ConfigError} when the file cannot be read. */
export async function readPidFile(path: string): Promise<PidFileState> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    // One of another user cannot be seen: its gateway may still be found at its address.
    const unseen = error instanceof Deno.errors.PermissionDenied;
    if (unseen || error instanceof Deno.errors.NotFound) return { type: "none" };
    throw new ConfigError(`Cannot read pid file "${path}": ${(error as Error).message}`, {
      cause: error,
    });
  }
  const note = parse(text);
  if (!note) return { type: "stale", why: "it is no pid file of this program" };
  const state = await stateOf(note.pid, note.mark);
  // Without a mark to compare, the gateway itself is asked for its number.
  const running = state === "same" ||
    (state === "unknown" && (await askHealth(note.address))?.pid === note.pid);
  if (running) return { type: "running", note };
  const why = state === "unknown"
    ? `process ${note.pid} cannot be told from another one, and does not answer`
    : `process ${note.pid} is gone`;
  return { type: "stale", why };
}

/**
 * A pid file of this process. Disposing of it removes it, if it still is this process's.
 *
 * @throws {ConfigError} when it cannot be written.
 */
export async function writePidFile(
  path: string,
  note: Omit<GatewayNote, "pid" | "mark">,
): Promise<Disposable> {
  const { pid } = Deno;
  const mark = await markOf(pid);
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await Deno.writeTextFile(temporary, `${pid}\n${JSON.stringify({ mark, ...note })}\n`, {
      mode: 0o600,
    });
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw new ConfigError(
      `Cannot write pid file "${path}": ${(error as Error).message}. ` +
        "Choose another one with --pidfile (CLARA_PID_FILE).",
      { cause: error },
    );
  }
  return { [Symbol.dispose]: () => removePidFile(path, { pid, mark }) };
}

/** Removes the file where it still speaks of this process. */
export function removePidFile(
  path: string,
  { pid, mark }: Pick<GatewayNote, "pid" | "mark">,
): void {
  try {
    const found = parse(Deno.readTextFileSync(path));
    if (found?.pid === pid && found.mark === mark) Deno.removeSync(path);
  } catch {
    // It is gone, or cannot be removed: then the next one sees that it is stale.
  }
}

/** The flags, as the note keeps them. */
export function notedFlags(flags: Flags): GatewayNote["flags"] {
  const entries = Object.entries(flags).filter(([name]) => name !== "background");
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string | boolean] => entry[1] !== undefined),
  );
}

function parse(text: string): GatewayNote | undefined {
  const [first = "", second = ""] = text.split("\n");
  if (!/^[1-9]\d{0,9}$/.test(first)) return undefined;
  try {
    return { ...details.parse(JSON.parse(second)), pid: Number(first) };
  } catch {
    return undefined;
  }
}
