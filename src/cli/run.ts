/** The command `run`: the gateway in the foreground, until a signal ends it. */

import { type Flags, readConfig, readSupervision } from "../config.ts";
import { Gateway } from "../gateway.ts";
import { configureLog } from "../log.ts";
import { ServiceManager } from "../systemd/service_manager.ts";
import { surviveUnhandledRejections } from "./unexpected.ts";

/** The exit code of a process that a second signal ended. */
const exitForced = 130;
/** What an orderly end may take beyond the drain time, milliseconds. */
const closingMs = 30_000;

/** Runs the gateway; resolves with the exit code after a signal and the orderly end it begins. */
export async function run(flags: Flags): Promise<number> {
  const config = readConfig(flags);
  await configureLog(config.log);
  surviveUnhandledRejections();
  using manager = new ServiceManager(readSupervision());
  const gateway = await Gateway.start(config);
  manager.ready(`Listening on ${gateway.address}`);
  manager.watch(() => gateway.progress.standstill());
  return await new Promise<number>((resolve) => {
    let stopping = false;
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      if (Deno.build.os === "windows" && signal === "SIGTERM") continue;
      Deno.addSignalListener(signal, () => {
        if (stopping) return resolve(exitForced);
        stopping = true;
        manager.stopping({ longestMs: config.drainMs + closingMs });
        gateway.stop(signal).then(() => resolve(0), (error) => {
          console.error("The gateway did not stop in order:", error);
          resolve(1);
        });
      });
    }
  });
}
