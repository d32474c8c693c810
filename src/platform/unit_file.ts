/**
 * The text of the systemd unit, hardened as far as a gateway that runs other programs and V8's just in
 * time compiler allow. Pure; `service install` writes it. What the lines mean: systemd.service(5),
 * systemd.exec(5); docs/deploy.md says how to loosen one.
 */

import { ConfigError } from "../lib/config_error.ts";

/** Whose service it is: of one user, in that user's home, or of the machine. */
export type UnitScope = "user" | "system";

/** What the unit must know. */
export interface UnitOptions {
  readonly scope: UnitScope;
  /** The program with its arguments; the first is an absolute path. */
  readonly command: readonly string[];
  /** Where a user's service runs: its `.env`, `mcp.json`, `tools.yaml` and hooks. Absolute. */
  readonly folder: string;
}

/** The name of the unit, its folders and its user. */
export const unitName = "clara-gateway";

/** The file with the environment of the machine's service, keys among them; only root reads it. */
export const systemEnvironmentFile = `/etc/${unitName}/env`;

/** @throws {ConfigError} when a path or an argument holds what systemd takes in no quotes. */
export function unitFile({ scope, command, folder }: UnitOptions): string {
  const sections = {
    Unit: [
      "Description=Clara gateway: between chat platforms and language models",
      ...(scope === "system" ? ["Wants=network-online.target", "After=network-online.target"] : []),
      "StartLimitIntervalSec=300",
      "StartLimitBurst=10",
    ],
    Service: [
      "Type=notify",
      "NotifyAccess=main",
      `ExecStart=${commandLine(command)}`,
      ...(scope === "system" ? systemPlaces : [`WorkingDirectory=${path(folder)}`]),
      ...lifeLines,
      ...hardening,
      ...(scope === "system" ? systemHardening : []),
    ],
    Install: [`WantedBy=${scope === "system" ? "multi-user" : "default"}.target`],
  };
  return Object.entries(sections)
    .map(([name, lines]) => `[${name}]\n${lines.join("\n")}\n`)
    .join("\n");
}

/** All that the machine's service keeps is in one folder, of a user that only it is. */
const systemPlaces = [
  "DynamicUser=yes",
  `StateDirectory=${unitName}`,
  "StateDirectoryMode=0700",
  `WorkingDirectory=%S/${unitName}`,
  `Environment=HOME=%S/${unitName} CLARA_DATA_DIR=%S/${unitName}/data`,
  `EnvironmentFile=-${systemEnvironmentFile}`,
];

const lifeLines = [
  "ExecReload=kill -HUP $MAINPID",
  "Restart=on-failure",
  "RestartSec=3",
  "# A wrong setting stays wrong.",
  "RestartPreventExitStatus=2",
  "WatchdogSec=60",
  "TimeoutStartSec=300",
  "# The gateway asks for more while turns finish; it ends what it has started itself.",
  "TimeoutStopSec=60",
  "KillMode=mixed",
  "LimitNOFILE=65536",
  "LimitCORE=0",
];

/** What works in a user's service, too. No MemoryDenyWriteExecute: V8 compiles while it runs. */
const hardening = [
  "UMask=0077",
  "NoNewPrivileges=yes",
  "LockPersonality=yes",
  "RestrictRealtime=yes",
  "RestrictSUIDSGID=yes",
  "RestrictNamespaces=yes",
  "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
  "SystemCallArchitectures=native",
  "SystemCallFilter=@system-service @pkey",
  "SystemCallFilter=~@privileged @obsolete",
  "SystemCallErrorNumber=EPERM",
];

const systemHardening = [
  "ProtectSystem=strict",
  "ProtectHome=yes",
  "PrivateTmp=yes",
  "PrivateDevices=yes",
  "ProtectProc=invisible",
  "ProtectClock=yes",
  "ProtectControlGroups=yes",
  "ProtectHostname=yes",
  "ProtectKernelLogs=yes",
  "ProtectKernelModules=yes",
  "ProtectKernelTunables=yes",
  "RemoveIPC=yes",
  "CapabilityBoundingSet=",
];

/** The colon keeps systemd from putting variables in place of `$`. */
function commandLine(command: readonly string[]): string {
  const [program = ""] = command;
  if (/["'\\]/.test(program)) {
    throw new ConfigError(
      `Cannot write a unit for ${
        JSON.stringify(program)
      }: systemd starts no program with quotes or ` +
        "backslashes in its path",
    );
  }
  return `:${command.map(word).join(" ")}`;
}

/** One word of a command line, in quotes where it needs them. */
function word(text: string): string {
  const escaped = path(text).replace(/["\\]/g, "\\$&");
  return /^[\w/.:=@%+,-]+$/.test(text) ? escaped : `"${escaped}"`;
}

/** A path, or anything else, that stands alone: only `%` means something there. */
function path(text: string): string {
  if (/\p{Cc}/u.test(text)) {
    throw new ConfigError(`Cannot write a unit with control characters: ${JSON.stringify(text)}`);
  }
  return text.replaceAll("%", "%%");
}
