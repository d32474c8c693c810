/** The command `run`: the gateway in the foreground, until a signal ends it. */

import { type Flags, readConfig, readDaemonConfig, readSurroundings } from "../config.ts";
import { unknownNames } from "../config_report.ts";
import type { GatewayConfig } from "../config_types.ts";
import { ConfigError } from "../errors.ts";
import { Gateway } from "../gateway.ts";
import { configureLog, logger } from "../log.ts";
import { notedFlags, readPidFile, writePidFile } from "./pid_file.ts";
import { surviveUnhandledRejections } from "./unexpected.ts";

const log = logger("cli");

/** The exit code of a process that a second signal ended. */
const exitForced = 130;

/** Runs the gateway; resolves with the exit code after a signal and the orderly end it begins. */
export async function run(flags: Flags): Promise<number> {
  // `start` says in which folder it was called: what it read there is read there again.
  if (flags.background) Deno.chdir(String(flags.background));
  const config = readConfig(flags);
  await configureLog({ ...config.log, fileOnly: Boolean(flags.background) });
  surviveUnhandledRejections();
  for (const warning of unknownNames(readSurroundings(flags))) log.warn("{warning}", { warning });
  await refuseForeignPidFile(flags);
  const gateway = await Gateway.start(config);
  let pidFile: Disposable;
  try {
    pidFile = await notePid(flags, { config, gateway });
  } catch (error) {
    await gateway.stop("it cannot write its pid file");
    throw error;
  }
  return await new Promise<number>((resolve) => {
    let stopping = false;
    const end = (code: number) => {
      pidFile[Symbol.dispose]();
      resolve(code);
    };
    if (Deno.build.os !== "windows") Deno.addSignalListener("SIGHUP", () => gateway.reload());
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      if (Deno.build.os === "windows" && signal === "SIGTERM") continue;
      Deno.addSignalListener(signal, () => {
        if (stopping) return end(exitForced);
        stopping = true;
        gateway.stop(signal).then(() => end(0), (error) => {
          console.error("The gateway did not stop in order:", error);
          end(1);
        });
      });
    }
  });
}

function notePid(
  flags: Flags,
  { config, gateway }: { readonly config: GatewayConfig; readonly gateway: Gateway },
): Promise<Disposable> {
  const { pidFile, dataDir } = readDaemonConfig(flags);
  return writePidFile(pidFile, {
    address: gateway.address,
    dataDir,
    logFile: config.log.file?.path,
    background: Boolean(flags.background),
    flags: notedFlags(flags),
    cwd: Deno.cwd(),
  });
}

/** The lock of the data folder keeps two gateways apart, unless a pid file lies somewhere else. */
async function refuseForeignPidFile(flags: Flags): Promise<void> {
  const { pidFile, dataDir } = readDaemonConfig(flags);
  const state = await readPidFile(pidFile);
  if (state.type !== "running" || state.note.dataDir === dataDir) return;
  throw new ConfigError(
    `Cannot use pid file "${pidFile}": the gateway of data folder "${state.note.dataDir}" ` +
      `(process ${state.note.pid}) has it. Choose another one with --pidfile.`,
  );
}
