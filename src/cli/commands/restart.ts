/** The command `restart`: stops the gateway in the background and starts it as it was started. */

import { type Flags, readConfig, readDaemonConfig } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { readPidFile } from "../daemon/pid_file.ts";
import { startIn } from "./start.ts";
import { stopGateway } from "./stop.ts";

/** Restarts the gateway; resolves with the exit code. Where none runs, it is started. */
export async function restart(flags: Flags): Promise<number> {
  const daemon = readDaemonConfig(flags);
  const state = await readPidFile(daemon.pidFile);
  const cwd = Deno.cwd();
  if (state.type !== "running") return await startIn(cwd, flags);
  const { note } = state;
  if (!note.background) {
    console.error(
      `Cannot restart the gateway: process ${note.pid} runs in the foreground, of a terminal or of a ` +
        "supervisor such as systemd. Restart it there.",
    );
    return 1;
  }
  try {
    // The paths of its settings, and its .env file, are seen from there.
    Deno.chdir(note.cwd);
  } catch (error) {
    throw new ConfigError(
      `Cannot restart the gateway in "${note.cwd}": ${(error as Error).message}`,
      { cause: error },
    );
  }
  // The folder, the pid file: which gateway is meant must not change on the way.
  const all = {
    ...note.flags,
    ...flags,
    ...(flags.logfile && { logfile: daemon.logFile }),
    "data-dir": daemon.dataDir,
    pidfile: daemon.pidFile,
  };
  // A mistake is found while the old one still runs.
  readConfig(all);
  const code = await stopGateway(note, { daemon, flags });
  return code === 0 ? await startIn(note.cwd, all, { cwd }) : code;
}
