/** The command `run`: the gateway in the foreground, until a signal ends it. */

import { type Flags, readConfig } from "../config.ts";
import { Gateway } from "../gateway.ts";
import { configureLog } from "../log.ts";
import { surviveTheUnexpected } from "./unexpected.ts";

/** The exit code of a process that a second signal ended. */
const exitForced = 130;

/** Runs the gateway; resolves with the exit code after a signal and the orderly end it begins. */
export async function run(flags: Flags): Promise<number> {
  const config = readConfig(flags);
  await configureLog(config.log);
  surviveTheUnexpected();
  const gateway = await Gateway.start(config);
  return await new Promise<number>((resolve) => {
    let stopping = false;
    if (Deno.build.os !== "windows") Deno.addSignalListener("SIGHUP", () => gateway.reload());
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      if (Deno.build.os === "windows" && signal === "SIGTERM") continue;
      Deno.addSignalListener(signal, () => {
        if (stopping) return resolve(exitForced);
        stopping = true;
        gateway.stop(signal).then(() => resolve(0), (error) => {
          console.error("The gateway did not stop in order:", error);
          resolve(1);
        });
      });
    }
  });
}
