/** Checks what the machine provides: runtime, clock, data folder, store and port. */

import { statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { version } from "../../config/version.ts";
import { fileExists } from "../../lib/files.ts";
import { assertKnownVersion } from "../../store/sqlite/schema/migrations.ts";
import { fetchHealth } from "../client/health.ts";
import { readPidFile } from "../daemon/pid_file.ts";
import { type CheckContext, error, type Finding, ok, warning, withoutConfig } from "./check.ts";

/** The oldest Deno that the tests run on. */
const oldestDeno = [2, 4] as const;
/** This program was written later: a clock before this is wrong. */
const earliestTime = Date.UTC(2025, 0);
const MiB = 1024 * 1024;
/** Less free space than this is a warning. */
const lowSpaceBytes = 500 * MiB;
/** Less free space than this is an error. */
const minSpaceBytes = 20 * MiB;
/** How many problems of a damaged store are listed. */
const maxProblems = 5;

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

/** The data folder must be writable, should be private, and its disk must have space. */
export function checkDataFolder({ daemon: { dataDir } }: CheckContext): readonly Finding[] {
  const folder = nearestExisting(dataDir);
  const probe = join(folder, `.clara-doctor-${crypto.randomUUID()}`);
  try {
    Deno.writeTextFileSync(probe, "");
    Deno.removeSync(probe);
  } catch (thrown) {
    return error(
      `Cannot write to "${folder}": ${(thrown as Error).message}. ` +
        "Give this user write access, or choose another folder with --data-dir.",
    );
  }
  const text = folder === dataDir ? dataDir : `${dataDir} (will be created)`;
  return [
    ...ok(text),
    ...folder === dataDir ? checkMode(dataDir) : [],
    ...checkSpace(folder),
  ];
}

function checkMode(dataDir: string): readonly Finding[] {
  const { mode } = Deno.statSync(dataDir);
  if (mode === null || (mode & 0o007) === 0) return [];
  return warning(`"${dataDir}" can be read by every user of this machine; run chmod o-rwx on it`);
}

function checkSpace(folder: string): readonly Finding[] {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const text = `${Math.round(free / MiB)} MiB of disk space are free`;
  if (free < minSpaceBytes) return error(`${text}: free some, or messages will be refused`);
  return free < lowSpaceBytes ? warning(`${text}: free some soon`) : ok(text);
}

/** The folder itself, or its nearest parent that exists. */
function nearestExisting(path: string): string {
  const parent = dirname(path);
  return parent === path || fileExists(path) ? path : nearestExisting(parent);
}

/** Checks the integrity of the store read-only, even while a gateway uses it. */
export function checkStore({ daemon: { dataDir } }: CheckContext): readonly Finding[] {
  const path = join(dataDir, "gateway.db");
  if (!fileExists(path)) return ok("does not exist yet");
  try {
    const { size } = Deno.statSync(path);
    const problems = findProblems(path);
    if (problems.length === 0) return ok(`${path}: ${(size / MiB).toFixed(1)} MiB, intact`);
    return error(`"${path}" is damaged: ${problems.join("; ")}. Restore a backup.`);
  } catch (thrown) {
    return error(`Cannot read store "${path}": ${(thrown as Error).message}`);
  }
}

/** What SQLite finds wrong with a store. @throws if it cannot be read. */
function findProblems(path: string): readonly string[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    assertKnownVersion(database, path);
    const rows = database.prepare(`PRAGMA integrity_check(${maxProblems})`).all();
    return rows.map((row) => String(row.integrity_check)).filter((text) => text !== "ok");
  } finally {
    database.close();
  }
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
