/** The command `status`: whether the gateway runs, and how it is. */

import { type Flags, readDaemonConfig } from "../../config/config.ts";
import { askHealth, type Health } from "../client/health.ts";
import { type PidFileState, readPidFile } from "../daemon/pid_file.ts";

/** Exit codes, as those of init scripts where there is one. */
const exitNotRunning = 3;
const exitUnwell = 4;

/** What is known of a gateway. */
interface Status {
  readonly state: "running" | "not running" | "unresponsive";
  readonly pid?: number;
  readonly address?: string;
  /** Whether `start` has started it; unknown where there is no pid file. */
  readonly background?: boolean;
  readonly data_dir?: string;
  readonly log_file?: string;
  /** What else there is to know. */
  readonly note?: string;
  readonly health?: Health;
}

/** Prints the status; resolves with the exit code. */
export async function status(flags: Flags): Promise<number> {
  const daemon = readDaemonConfig(flags);
  const found = await statusOf(await readPidFile(daemon.pidFile), daemon);
  if (flags.json) console.log(JSON.stringify(found, null, 2));
  else for (const line of linesOf(found)) console.log(line);
  if (found.state === "not running") return exitNotRunning;
  // One that cannot do its work answers, too: whoever supervises it must see that.
  const works = found.state === "running" && found.health?.status !== "error";
  return works ? 0 : exitUnwell;
}

async function statusOf(
  state: PidFileState,
  { address, pidFile }: { readonly address: string; readonly pidFile: string },
): Promise<Status> {
  if (state.type === "running") {
    const { pid, background, dataDir, logFile } = state.note;
    const health = await askHealth(state.note.address);
    return {
      state: health ? "running" : "unresponsive",
      pid,
      address: state.note.address,
      background,
      data_dir: dataDir,
      log_file: logFile,
      ...(health ? { health } : { note: "its process is there, but it does not answer /health" }),
    };
  }
  const stale = state.type === "stale" ? `pid file ${pidFile} is stale: ${state.why}` : undefined;
  // It may run as another user, whose folder cannot be seen, or have its pid file somewhere else.
  const health = await askHealth(address);
  if (!health) return { state: "not running", note: stale };
  const note = stale ?? `found at its address; pid file ${pidFile} does not speak of it`;
  return { state: "running", pid: health.pid, address, note, health };
}

function linesOf(status: Status): readonly string[] {
  const { state, pid, address, note, health, background } = status;
  const head = `The gateway ${
    { running: "runs", "not running": "does not run", unresponsive: "does not answer" }[state]
  }`;
  const rows: readonly (readonly [name: string, value: unknown])[] = [
    ["state", health && health.status !== "ok" ? health.status : undefined],
    ["process", pid && `${pid}${background === false ? " (in the foreground)" : ""}`],
    ["address", address],
    ["version", health?.version],
    ["uptime", health && durationText(health.uptime_seconds)],
    ["adapters", health && adaptersText(health)],
    ["queue", health && figuresText(health.queue)],
    ["model", health && (health.llm.kind === "echo" ? "echo (none is set)" : health.llm.model)],
    ["store", health && figuresText(health.store)],
    ["data folder", status.data_dir],
    ["log", status.log_file],
    ["note", note],
  ];
  return [
    head,
    ...rows.filter(([, value]) => value).map(([name, value]) =>
      `  ${`${name}:`.padEnd(13)}${value}`
    ),
  ];
}

function adaptersText({ adapters }: Health): string {
  const each = Object.entries(adapters.platforms).map(([name, count]) => `${name} ${count}`);
  return `${adapters.connected}${each.length > 0 ? ` (${each.join(", ")})` : ""}`;
}

function figuresText(figures: Readonly<Record<string, unknown>>): string {
  return Object.entries(figures).map(([name, value]) =>
    name === "kind" ? String(value) : `${value} ${name}`
  ).join(", ");
}

/** `3d 4h`, `2h 5m`, `40s`: the two largest units. */
function durationText(seconds: number): string {
  const units = [["d", 86_400], ["h", 3_600], ["m", 60], ["s", 1]] as const;
  const first = units.findIndex(([, length]) => seconds >= length);
  if (first < 0) return "0s";
  let rest = seconds;
  return units.slice(first, first + 2).map(([unit, length]) => {
    const count = Math.floor(rest / length);
    rest -= count * length;
    return count > 0 ? `${count}${unit}` : "";
  }).filter(Boolean).join(" ");
}
