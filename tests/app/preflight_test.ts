import { maxOpenFiles } from "../../src/app/preflight.ts";
import { GatewayProcess } from "../support/process/gateway_process.ts";

Deno.test({
  name: "a limit of connections beyond the limit of open files is a warning at the start",
  ignore: maxOpenFiles() === undefined,
  fn: async () => {
    await using gateway = await GatewayProcess.start({
      env: { CLARA_MAX_CONNECTIONS: String(maxOpenFiles()) },
    });
    await gateway.waitForLog(
      /CLARA_MAX_CONNECTIONS is \d+, but this process may open only \d+ files/,
    );
  },
});
