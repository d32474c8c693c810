/** Checks what the process depends on: the runtime, the clock and the port. */

import { version } from "../../config/version.ts";
import { fetchHealth } from "../client/health.ts";
import { readPidFile } from "../daemon/pid_file.ts";
import { type CheckContext, error, type Finding, ok, warning, withoutConfig } from "./check.ts";

/** The oldest Deno that the tests run on. */
const oldestDeno = [2, 4] as const;
/** This program was written later: a clock before this is wrong. */
const earliestTime = Date.UTC(2025, 0);

/** Checks the version of Deno and the clock. */
export function checkRuntime(): readonly Finding[] {
  const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
  const old = major < oldestDeno[0] || major === oldestDeno[0] && minor < oldestDeno[1];
  const text = `clara-gateway ${version} on Deno ${Deno.version.deno}, ${Deno.build.target}`;
  return [
    ...old ? warning(`${text}: it is tested on Deno ${oldestDeno.join(".")} and later`) : ok(text),
    ...Date.now() < earliestTime
      ? warning(`the clock is wrong: ${new Date().toISOString()}; synchronize it with NTP`)
      : [],
  ];
}

/** The port must be free, or in use by this gateway. */
export async function checkPort({ config, daemon }: CheckContext): Promise<readonly Finding[]> {
  const state = await readPidFile(daemon.pidFile);
  if (state.type === "running") {
    const { pid, address } = state.gateway;
    const health = await fetchHealth(address);
    const text = `the gateway is running, process ${pid} at ${address}`;
    if (health?.status === "ok") return ok(text);
    return error(`${text}, but its /health reports ${health?.status ?? "nothing"}; see its log`);
  }
  const stale = state.type === "stale"
    ? warning(`PID file ${daemon.pidFile} is stale: ${state.why}. The next start replaces it.`)
    : [];
  if (!config) return [...stale, ...withoutConfig];
  const { host: hostname, port } = config;
  try {
    Deno.listen({ hostname, port }).close();
    return [...stale, ...ok(`${daemon.address} is free`)];
  } catch (thrown) {
    return [...stale, ...error(await whyNotFree(daemon.address, thrown as Error))];
  }
}

async function whyNotFree(address: string, thrown: Error): Promise<string> {
  if (!(thrown instanceof Deno.errors.AddrInUse)) {
    return `Cannot listen on ${address}: ${thrown.message}`;
  }
  const other = await fetchHealth(address);
  const user = other
    ? `another Clara gateway${other.pid ? ` (process ${other.pid})` : ""}`
    : "another program";
  return `Cannot listen on ${address}: the port is in use by ${user}. ` +
    "Stop it, or choose another port with --port.";
}
