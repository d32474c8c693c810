/**
 * What tells a process from a later one of the same number: when it started. On Linux that is the boot
 * and the clock tick of its start from /proc, elsewhere what `ps` says. Used by the pid file.
 */

import process from "node:process";

/** How a process that was noted is found: the same, gone (or another), or nobody can tell. */
export type ProcessState = "same" | "gone" | "unknown";

/** The mark of a process; undefined where there is none of this number, or nobody can tell. */
export async function markOf(pid: number): Promise<string | undefined> {
  return procMark(pid) ?? (await askPs(pid))?.mark;
}

/** Whether the process of this number is the one that had this mark. */
export async function stateOf(pid: number, mark: string | undefined): Promise<ProcessState> {
  if (!isThere(pid)) return "gone";
  if (mark === undefined) return "unknown";
  // The gateway and who asks may see different things: a container, a program without /proc.
  const now = mark.startsWith("proc ") ? procMark(pid) : await askPs(pid);
  if (typeof now === "object" && now.ended) return "gone";
  const found = typeof now === "object" ? now.mark : now;
  if (found === mark) return "same";
  return found === undefined && isThere(pid) ? "unknown" : "gone";
}

/** Field 22 of /proc/PID/stat counts from the boot, which has an id of its own. */
function procMark(pid: number): string | undefined {
  const fields = procFields(pid);
  if (!fields) return undefined;
  const boot = readText("/proc/sys/kernel/random/boot_id");
  return `proc ${boot?.trim() ?? ""} ${fields[19]}`;
}

/** The fields from the third on; the second, the program's name, may hold spaces and brackets. */
function procFields(pid: number): readonly string[] | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    // Deno reads /proc only with all permissions; a program of the system reads it without.
    return error instanceof Deno.errors.NotCapable ? readByCat(path) : undefined;
  }
}

function readByCat(path: string): string | undefined {
  try {
    const cat = new Deno.Command("cat", { args: [path], stdin: "null", stderr: "null" });
    const { success, stdout } = cat.outputSync();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch {
    return undefined;
  }
}

/** What `ps` says of a process; undefined where there is no `ps`, or no such process. */
async function askPs(
  pid: number,
): Promise<{ readonly mark: string; readonly ended: boolean } | undefined> {
  if (Deno.build.os === "windows") return undefined;
  try {
    const ps = new Deno.Command("ps", {
      args: ["-o", "stat=", "-o", "lstart=", "-p", String(pid)],
      // The same words whoever asks, wherever.
      env: { LC_ALL: "C", TZ: "UTC" },
      stderr: "null",
    });
    const words = new TextDecoder().decode((await ps.output()).stdout).trim().split(/\s+/);
    const [state = "", ...start] = words;
    return state === "" ? undefined : { mark: `ps ${start.join(" ")}`, ended: isOver(state) };
  } catch {
    return undefined;
  }
}

/** One that has ended, and that its parent has not asked for yet, is there by its number only. */
function isOver(state: string | undefined): boolean {
  return /^[ZX]/.test(state ?? "");
}

/** Whether there is a process of this number that has not ended. */
function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // One that belongs to somebody else is there, too.
    if ((error as { readonly code?: string }).code !== "EPERM") return false;
  }
  return !isOver(procFields(pid)?.[0]);
}
