/**
 * Runs the fault suite: tests/faults and whatever else its table names. `deno task test:faults` runs it;
 * what comes after is for the tests (`--kills 200 --seed 7`).
 */

import { fileURLToPath } from "node:url";
import { faultPaths } from "../tests/faults/fault_table.ts";

const suite = new Deno.Command(Deno.execPath(), {
  args: ["test", "--allow-all", ...faultPaths, "--", ...Deno.args],
  cwd: fileURLToPath(new URL("../", import.meta.url)),
  stdin: "null",
}).spawn();
// Ctrl-C reaches the tests as well; whoever waits for them ends after them.
Deno.addSignalListener("SIGINT", () => {});
Deno.exit((await suite.status).code);
