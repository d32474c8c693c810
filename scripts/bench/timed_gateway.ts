/**
 * The gateway with a timer: on SIGTERM it writes to the file CLARA_BENCH_TIMES when each message
 * was committed (its event `message:received` follows the commit at once).
 */

import { readConfig } from "../../src/config/config.ts";
import { EventBus } from "../../src/domain/events.ts";
import { Gateway } from "../../src/app/gateway.ts";
import { configureLog } from "../../src/logging/log.ts";
import { now } from "./load.ts";

const [, port, dataDir] = /--port (\S+) .*--data-dir (\S+)/.exec(Deno.args.join(" "))!;
const config = readConfig({ port, "data-dir": dataDir });
await configureLog(config.log);
const commits: Record<string, number> = {};
const events = new EventBus();
events.subscribe(({ name, data }) => {
  if (name === "message:received") commits[data.content] = now();
});
const gateway = await Gateway.start(config, { events });
Deno.addSignalListener("SIGTERM", async () => {
  await gateway.stop("SIGTERM");
  Deno.writeTextFileSync(Deno.env.get("CLARA_BENCH_TIMES")!, JSON.stringify(commits));
  Deno.exit(0);
});
