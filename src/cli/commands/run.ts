/** The command `run`: the gateway in the foreground, until a signal ends it. */

import {
  type Flags,
  readConfig,
  readConfigSources,
  readDaemonConfig,
  readSupervision,
} from "../../config/config.ts";
import { unknownNames } from "../../config/report.ts";
import type { GatewayConfig } from "../../config/gateway_config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { Gateway } from "../../app/gateway.ts";
import { configureLog, logger } from "../../logging/log.ts";
import { notedFlags, readPidFile, writePidFile } from "../daemon/pid_file.ts";
import { ServiceManager } from "../../platform/service_manager.ts";
import { installCrashHandlers } from "../daemon/crash_handlers.ts";

const log = logger("cli");

/** The exit code of a process that a second signal ended. */
const exitForced = 130;
/** What an orderly end may take beyond the drain time, hooks of the end included, milliseconds. */
const closingMs = 60_000;

/** Runs the gateway; resolves with the exit code after a signal and the orderly end it begins. */
export async function run(flags: Flags): Promise<number> {
  const reloads = listenToReloads();
  // `start` says in which folder it was called: what it read there is read there again.
  if (flags.background) Deno.chdir(String(flags.background));
  const config = readConfig(flags);
  await configureLog({ ...config.log, fileOnly: Boolean(flags.background) });
  installCrashHandlers();
  for (const warning of unknownNames(readConfigSources(flags))) log.warn("{warning}", { warning });
  await refuseForeignPidFile(flags);
  // From the first moment on: a stop while it starts must be as orderly as a later one.
  const signals = listenToSignals();
  using manager = new ServiceManager(readSupervision());
  const gateway = await Promise.race([Gateway.start(config), signals.second]);
  if (!gateway) return exitForced;
  let pidFile: Disposable;
  try {
    pidFile = await notePid(flags, { config, gateway });
  } catch (error) {
    await gateway.stop("it cannot write its pid file");
    throw error;
  }
  const status = `Listening on ${gateway.address}`;
  manager.ready(status);
  manager.watch(() => gateway.progress.standstill());
  reloads.serve(async () => {
    manager.reloading();
    const problems = await gateway.reload();
    manager.ready(problems.length > 0 ? `${status}; wrong files: ${problems.length}` : status);
  });
  const stopped = signals.first.then((signal) => {
    manager.stopping({ longestMs: config.drainMs + closingMs });
    return gateway.stop(signal);
  }).then(() => 0, (error) => {
    console.error("The gateway did not stop in order:", error);
    return 1;
  });
  const code = await Promise.race([stopped, signals.second.then(() => exitForced)]);
  pidFile[Symbol.dispose]();
  return code;
}

/** The first signal asks for an end in order, the second for one at once. */
function listenToSignals() {
  const first = Promise.withResolvers<Deno.Signal>();
  const second = Promise.withResolvers<void>();
  let count = 0;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    if (Deno.build.os === "windows" && signal === "SIGTERM") continue;
    Deno.addSignalListener(signal, () => {
      if (++count === 1) first.resolve(signal);
      else second.resolve();
    });
  }
  return { first: first.promise, second: second.promise };
}

/** From the first moment on, too: SIGHUP ends a process that does not listen. What comes early is done later. */
function listenToReloads() {
  let early = false;
  let reload: () => unknown = () => early = true;
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGHUP", () => reload());
  return {
    /** From now on this is done at each signal, and at once where one has come already. */
    serve(act: () => Promise<void>): void {
      reload = act;
      if (early) act();
    },
  };
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
