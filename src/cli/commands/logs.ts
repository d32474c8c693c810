/** The command `logs`: prints the last lines of the log file, and follows it. */

import { type Flags, readDaemonConfig } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { errorText } from "../../lib/error_text.ts";
import { pause } from "../../lib/wait.ts";
import { LogTail } from "../daemon/log_tail.ts";
import { readPidFile } from "../daemon/pid_file.ts";
import { writeOut } from "../output.ts";

const defaultLines = 50;
/** How often a followed file is read, milliseconds. */
const pollMs = 200;

/** Runs `logs`; with `--follow`, until a signal ends the process or the pipe is closed. */
export async function logs(flags: Flags): Promise<number> {
  const count = readCount(flags.lines);
  const daemon = readDaemonConfig(flags);
  const state = await readPidFile(daemon.pidFile);
  const gateway = state.type === "running" ? state.gateway : undefined;
  if (gateway && !gateway.logFile && !flags.logfile) {
    console.error(
      `There is no log file: the gateway (process ${gateway.pid}) runs in the foreground and logs to ` +
        "its terminal or supervisor (with systemd: journalctl -u clara-gateway).",
    );
    return 1;
  }
  const path = flags.logfile ? daemon.logFile : gateway?.logFile ?? daemon.logFile;
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
  for (;;) {
    await pause(pollMs);
    writeOut(tail.read());
  }
}

function readCount(value: string | boolean | undefined): number {
  if (value === undefined) return defaultLines;
  const count = value === "" ? NaN : Number(value);
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new ConfigError(`Cannot use --lines=${JSON.stringify(value)}: expected a whole number`);
}
