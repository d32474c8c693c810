/**
 * Inspects processes by id: in /proc on Linux, which is fast and always there, elsewhere with ps.
 */

import { within } from "../deadline.ts";

/** Whether a process is running; a zombie is not. */
export async function isAlive(pid: number): Promise<boolean> {
  const state = Deno.build.os === "linux" ? stat(pid)?.[0] : await ps("stat=", pid);
  return !!state && !state.startsWith("Z");
}

/** Resolves when a process is no longer running. */
export async function exited(pid: number, timeoutMs = 10_000): Promise<void> {
  let isLate = false;
  const poll = async () => {
    while (!isLate && await isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  try {
    await within(poll(), { timeoutMs, what: `the end of process ${pid}` });
  } finally {
    isLate = true;
  }
}

/** The session id of a process, and whether it has a terminal. */
export async function sessionOf(pid: number): Promise<{ id: number; hasTerminal: boolean }> {
  if (Deno.build.os === "linux") {
    const fields = stat(pid)!;
    return { id: Number(fields[3]), hasTerminal: fields[4] !== "0" };
  }
  const [id, terminal] = (await ps("sess=,tty=", pid)).split(/\s+/);
  return { id: Number(id), hasTerminal: !/^\?+$/.test(terminal!) };
}

/** Resident memory of a process, MiB. */
export async function residentMb(pid: number): Promise<number> {
  if (Deno.build.os !== "linux") return Number(await ps("rss=", pid)) / 1024;
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/** The running processes whose command line contains a text. */
export async function processesWith(text: string): Promise<readonly number[]> {
  if (Deno.build.os === "linux") {
    return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name))
      .filter((pid) =>
        pid > 0 && commandLine(pid).includes(text) && !stat(pid)?.[0]?.startsWith("Z")
      );
  }
  const { stdout } = await new Deno.Command("ps", { args: ["-eo", "pid=,stat=,args="] }).output();
  return new TextDecoder().decode(stdout).split("\n")
    .filter((line) => line.includes(text) && !/^\s*\d+ Z/.test(line))
    .map((line) => parseInt(line));
}

function commandLine(pid: number): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`);
  } catch {
    return "";
  }
}

/** The fields of /proc/PID/stat after the command: state, parent, group, session, terminal… */
function stat(pid: number): readonly string[] | undefined {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

async function ps(fields: string, pid: number): Promise<string> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", fields, "-p", String(pid)] })
    .output();
  return new TextDecoder().decode(stdout).trim();
}
