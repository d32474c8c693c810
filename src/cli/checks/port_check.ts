/** Checks that the port is free, or is this gateway's own. Called by `doctor`. */

import { askHealth } from "../client/health.ts";
import { readPidFile } from "../daemon/pid_file.ts";
import { type CheckContext, error, type Finding, ok, warning, withoutConfig } from "./check.ts";

export async function checkPort({ config, daemon }: CheckContext): Promise<readonly Finding[]> {
  const state = await readPidFile(daemon.pidFile);
  if (state.type === "running") {
    const { pid, address } = state.note;
    const health = await askHealth(address);
    const who = `the gateway runs, process ${pid} at ${address}`;
    if (health?.status === "ok") return ok(who);
    return error(`${who}, but its /health says ${health?.status ?? "nothing"}: see its log`);
  }
  const stale = state.type === "stale"
    ? warning(`pid file ${daemon.pidFile} is stale: ${state.why}. The next start replaces it.`)
    : [];
  if (!config) return [...stale, ...withoutConfig];
  const { host: hostname, port } = config;
  try {
    Deno.listen({ hostname, port }).close();
    return [...stale, ...ok(`${daemon.address} is free`)];
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.AddrInUse)) {
      return [
        ...stale,
        ...error(`Cannot listen on ${daemon.address}: ${(thrown as Error).message}`),
      ];
    }
    const other = await askHealth(daemon.address);
    const who = other
      ? `another Clara gateway${other.pid ? ` (process ${other.pid})` : ""}`
      : "another program";
    const advice = "Stop that, or choose another port with --port.";
    return [...stale, ...error(`Cannot listen on ${daemon.address}: ${who} does. ${advice}`)];
  }
}
