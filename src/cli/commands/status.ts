/** The command `status`: whether the gateway is running, and its health. */

import { type DaemonConfig, type Flags, readDaemonConfig } from "../../config/config.ts";
import { fetchHealth, type Health } from "../client/health.ts";
import { type PidFileState, readPidFile } from "../daemon/pid_file.ts";

/** The exit code that init scripts use. */
const exitNotRunning = 3;
const exitUnhealthy = 4;

/** What `--json` prints. */
interface Status {
  readonly state: "running" | "not running" | "unresponsive";
  readonly pid?: number;
  readonly address?: string;
  /** Whether `start` started it; unknown without a PID file. */
  readonly background?: boolean;
  readonly data_dir?: string;
  readonly log_file?: string;
  readonly note?: string;
  readonly health?: Health;
}

const stateTexts = {
  "running": "is running",
  "not running": "is not running",
  "unresponsive": "is not responding",
} as const;

/** Runs `status`. */
export async function status(flags: Flags): Promise<number> {
  const daemon = readDaemonConfig(flags);
  const found = await statusOf(await readPidFile(daemon.pidFile), daemon);
  if (flags.json) console.log(JSON.stringify(found, null, 2));
  else for (const line of toLines(found)) console.log(line);
  if (found.state === "not running") return exitNotRunning;
  // A gateway that cannot do its work still responds; its supervisor must notice.
  const healthy = found.state === "running" && found.health?.status !== "error";
  return healthy ? 0 : exitUnhealthy;
}

async function statusOf(
  state: PidFileState,
  { address, pidFile }: DaemonConfig,
): Promise<Status> {
  if (state.type === "running") {
    const { gateway } = state;
    const health = await fetchHealth(gateway.address);
    return {
      state: health ? "running" : "unresponsive",
      pid: gateway.pid,
      address: gateway.address,
      background: gateway.background,
      data_dir: gateway.dataDir,
      log_file: gateway.logFile,
      ...(health ? { health } : { note: "its process exists but does not answer /health" }),
    };
  }
  const stale = state.type === "stale" ? `PID file ${pidFile} is stale: ${state.why}` : undefined;
  // It may run as another user, whose folder cannot be read, or have its PID file somewhere else.
  const health = await fetchHealth(address);
  if (!health) return { state: "not running", note: stale };
  const note = stale ?? `found at its address; ${pidFile} is not its PID file`;
  return { state: "running", pid: health.pid, address, note, health };
}

function toLines(status: Status): readonly string[] {
  const { state, pid, address, note, health, background } = status;
  const rows: readonly (readonly [name: string, value: unknown])[] = [
    ["state", health && health.status !== "ok" ? health.status : undefined],
    ["process", pid && `${pid}${background === false ? " (in the foreground)" : ""}`],
    ["address", address],
    ["version", health?.version],
    ["uptime", health && formatDuration(health.uptime_seconds)],
    ["adapters", health && formatAdapters(health)],
    ["queue", health && formatFigures(health.queue)],
    ["model", health && (health.llm.kind === "echo" ? "echo (none configured)" : health.llm.model)],
    ["store", health && formatFigures(health.store)],
    ["data folder", status.data_dir],
    ["log", status.log_file],
    ["note", note],
  ];
  return [
    `The gateway ${stateTexts[state]}`,
    ...rows.filter(([, value]) => value).map(([name, value]) =>
      `  ${`${name}:`.padEnd(13)}${value}`
    ),
  ];
}

function formatAdapters({ adapters }: Health): string {
  const each = Object.entries(adapters.platforms).map(([name, count]) => `${name} ${count}`);
  return `${adapters.connected}${each.length > 0 ? ` (${each.join(", ")})` : ""}`;
}

function formatFigures(figures: Readonly<Record<string, unknown>>): string {
  return Object.entries(figures).map(([name, value]) =>
    name === "kind" ? String(value) : `${value} ${name}`
  ).join(", ");
}

/** The two largest units, such as `3d 4h`. */
function formatDuration(seconds: number): string {
  const units = [["d", 86_400], ["h", 3_600], ["m", 60], ["s", 1]] as const;
  const first = units.findIndex(([, length]) => seconds >= length);
  if (first < 0) return "0s";
  let remaining = seconds;
  return units.slice(first, first + 2).map(([unit, length]) => {
    const count = Math.floor(remaining / length);
    remaining -= count * length;
    return count > 0 ? `${count}${unit}` : "";
  }).filter(Boolean).join(" ");
}
