/** The command `logs`: the last lines of the gateway's log file, and those that come. */

import { type Flags, readDaemonConfig } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { errorText } from "../../lib/error_text.ts";
import { pause } from "../../lib/wait.ts";
import { LogTail } from "../daemon/log_tail.ts";
import { readPidFile } from "../daemon/pid_file.ts";
import { writeOut } from "../write_out.ts";

const defaultLines = 50;
/** How often a file that is followed is looked at, milliseconds. */
const pollMs = 200;

/** Prints the log; resolves with the exit code, with `--follow` at a signal or a closed pipe. */
export async function logs(flags: Flags): Promise<number> {
  const count = countOf(flags.lines);
  const daemon = readDaemonConfig(flags);
  const state = await readPidFile(daemon.pidFile);
  const note = state.type === "running" ? state.note : undefined;
  if (note && !note.logFile && !flags.logfile) {
    console.error(
      `There is no log file: the gateway (process ${note.pid}) runs in the foreground, and logs to ` +
        "its terminal, or to its supervisor (under systemd: journalctl -u clara-gateway).",
    );
    return 1;
  }
  const path = flags.logfile ? daemon.logFile : note?.logFile ?? daemon.logFile;
  try {
    return await show(path, { count, follow: Boolean(flags.follow) });
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw error;
    console.error(`Cannot read log file "${path}": ${errorText(error)}`);
    return 1;
  }
}

async function show(
  path: string,
  { count, follow }: { readonly count: number; readonly follow: boolean },
): Promise<number> {
  if (!follow) await Deno.stat(path);
  const tail = new LogTail(path);
  for (const line of tail.last(count)) writeOut(`${line}\n`);
  if (!follow) return 0;
  const never = new AbortController().signal;
  for (;;) {
    await pause(pollMs, never);
    writeOut(tail.read());
  }
}

function countOf(value: string | boolean | undefined): number {
  if (value === undefined) return defaultLines;
  const count = value === "" ? NaN : Number(value);
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new ConfigError(`Cannot use --lines=${JSON.stringify(value)}: expected a whole number`);
}
