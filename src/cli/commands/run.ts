/** The command `run`: the gateway in the foreground, until a signal ends it. */

import { Gateway } from "../../app/gateway.ts";
import {
  type DaemonConfig,
  type Flags,
  readConfig,
  readConfigSources,
  readDaemonConfig,
  readSupervision,
} from "../../config/config.ts";
import type { GatewayConfig } from "../../config/gateway_config.ts";
import { misnamedFiles, unknownNames } from "../../config/report.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { configureLog, logger } from "../../logging/log.ts";
import { ServiceManager } from "../../platform/service_manager.ts";
import { readPidFile, restartFlags, writePidFile } from "../daemon/pid_file.ts";
import {
  installCrashHandlers,
  listenToStopSignals,
  ReloadSignal,
  type StopSignals,
} from "../daemon/process_events.ts";

const log = logger("cli");

/** The exit code after a second signal. */
const exitForced = 130;
/** How long an orderly stop may take beyond the drain time, hooks included, milliseconds. */
const closingMs = 60_000;

/** Runs the gateway; resolves with the exit code when a signal has stopped it. */
export async function run(flags: Flags): Promise<number> {
  const reloads = new ReloadSignal();
  // `start` passes the folder in which it was called, so that relative paths mean the same here.
  if (flags.background) Deno.chdir(String(flags.background));
  const config = readConfig(flags);
  const daemon = readDaemonConfig(flags);
  await configureLog({ ...config.log, fileOnly: Boolean(flags.background) });
  installCrashHandlers();
  for (const warning of [...unknownNames(readConfigSources(flags)), ...misnamedFiles(config)]) {
    log.warn("{warning}", { warning });
  }
  await assertPidFileIsFree(daemon);
  // Listens from the beginning: a stop during the start must be as orderly as a later one.
  const signals = listenToStopSignals();
  using manager = new ServiceManager(readSupervision());
  const gateway = await Promise.race([Gateway.start(config), signals.second]);
  if (!gateway) return exitForced;
  let pidFile: Disposable;
  try {
    pidFile = await writePidFile(daemon.pidFile, {
      address: gateway.address,
      dataDir: daemon.dataDir,
      logFile: config.log.file?.path,
      background: Boolean(flags.background),
      flags: restartFlags(flags),
      cwd: Deno.cwd(),
    });
  } catch (error) {
    await gateway.stop("it cannot write its PID file");
    throw error;
  }
  const status = `Listening on ${gateway.address}`;
  manager.ready(status);
  manager.watch(() => gateway.progress.standstill());
  reloads.handle(async () => {
    manager.reloading();
    const problems = await gateway.reload();
    manager.ready(problems.length > 0 ? `${status}; invalid files: ${problems.length}` : status);
  });
  const code = await untilStopped(gateway, { config, manager, signals });
  pidFile[Symbol.dispose]();
  return code;
}

/** Stops the gateway at the first signal; resolves with the exit code. */
async function untilStopped(
  gateway: Gateway,
  { config, manager, signals }: {
    readonly config: GatewayConfig;
    readonly manager: ServiceManager;
    readonly signals: StopSignals;
  },
): Promise<number> {
  const stopped = signals.first.then((signal) => {
    manager.stopping({ longestMs: config.drainMs + closingMs });
    return gateway.stop(signal);
  }).then(() => 0, (error) => {
    console.error("The gateway failed to stop cleanly:", error);
    return 1;
  });
  return await Promise.race([stopped, signals.second.then(() => exitForced)]);
}

/** The lock of the data folder keeps two gateways apart, but a PID file can be somewhere else. */
async function assertPidFileIsFree({ pidFile, dataDir }: DaemonConfig): Promise<void> {
  const state = await readPidFile(pidFile);
  if (state.type !== "running" || state.gateway.dataDir === dataDir) return;
  throw new ConfigError(
    `Cannot use PID file "${pidFile}": it belongs to the gateway of data folder ` +
      `"${state.gateway.dataDir}" (process ${state.gateway.pid}). Choose another with --pidfile.`,
  );
}
