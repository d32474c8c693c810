/**
 * Tells a process from a later one with the same id by the time it started: on Linux the boot id and the
 * clock tick in /proc, elsewhere what `ps` prints.
 */

import process from "node:process";

/** Whether a recorded process still exists; `gone` also if its id belongs to another one now. */
export type ProcessState = "same" | "gone" | "unknown";

/** Identifies a process; undefined if there is none with this id, or the system does not tell. */
export async function processIdentity(pid: number): Promise<string | undefined> {
  return identityFromProc(pid) ?? (await runPs(pid))?.identity;
}

/** Compares the process that has this id now with the recorded identity. */
export async function processState(
  pid: number,
  identity: string | undefined,
): Promise<ProcessState> {
  if (!isRunning(pid)) return "gone";
  if (identity === undefined) return "unknown";
  // The recorder may have seen /proc and this process may not, or the other way round.
  const now = identity.startsWith("proc ") ? identityFromProc(pid) : await runPs(pid);
  if (typeof now === "object" && now.ended) return "gone";
  const found = typeof now === "object" ? now.identity : now;
  if (found === identity) return "same";
  return found === undefined && isRunning(pid) ? "unknown" : "gone";
}

/** Field 22 of /proc/PID/stat is the time since the boot, which has an id. */
function identityFromProc(pid: number): string | undefined {
  const fields = readStat(pid);
  if (!fields) return undefined;
  const boot = readText("/proc/sys/kernel/random/boot_id");
  return `proc ${boot?.trim() ?? ""} ${fields[19]}`;
}

/** The fields from the third on; the second, the program's name, may contain spaces and brackets. */
function readStat(pid: number): readonly string[] | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    // Deno reads /proc only with --allow-all; other programs may.
    return error instanceof Deno.errors.NotCapable ? readWithCat(path) : undefined;
  }
}

function readWithCat(path: string): string | undefined {
  try {
    const cat = new Deno.Command("cat", { args: [path], stdin: "null", stderr: "null" });
    const { success, stdout } = cat.outputSync();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch {
    return undefined;
  }
}

/** Asks `ps` about a process; undefined if there is no `ps` or no such process. */
async function runPs(
  pid: number,
): Promise<{ readonly identity: string; readonly ended: boolean } | undefined> {
  if (Deno.build.os === "windows") return undefined;
  try {
    const ps = new Deno.Command("ps", {
      args: ["-o", "stat=", "-o", "lstart=", "-p", String(pid)],
      // The same text for every user and time zone.
      env: { LC_ALL: "C", TZ: "UTC" },
      stderr: "null",
    });
    const words = new TextDecoder().decode((await ps.output()).stdout).trim().split(/\s+/);
    const [state = "", ...start] = words;
    return state === "" ? undefined : { identity: `ps ${start.join(" ")}`, ended: hasEnded(state) };
  } catch {
    return undefined;
  }
}

/** A zombie has ended, but keeps its id until its parent asks for its status. */
function hasEnded(state: string | undefined): boolean {
  return /^[ZX]/.test(state ?? "");
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // A process of another user is running, too.
    if ((error as { readonly code?: string }).code !== "EPERM") return false;
  }
  return !hasEnded(readStat(pid)?.[0]);
}
