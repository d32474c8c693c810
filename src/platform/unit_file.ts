/**
 * The systemd unit, hardened as far as a gateway that runs other programs and V8's just-in-time compiler
 * allow. The directives are documented in systemd.service(5) and systemd.exec(5); docs/deploy.md says
 * how to relax one.
 */

import { ConfigError } from "../lib/config_error.ts";

/** Whether it is a service of one user or of the machine. */
export type UnitScope = "user" | "system";

/** Options of {@linkcode unitFile}. */
export interface UnitOptions {
  readonly scope: UnitScope;
  /** The absolute path of the program, and its arguments. */
  readonly command: readonly string[];
  /** The working folder of a user's service, which holds `.env`, `mcp.json` and so on. Absolute. */
  readonly folder: string;
}

/** The name of the unit, of its folders and of its user. */
export const unitName = "clara-gateway";

/** The environment of the machine's service, with its keys. Only root can read it. */
export const systemEnvironmentFile = `/etc/${unitName}/env`;

/** The text of the unit. @throws {ConfigError} if systemd cannot quote a path or an argument. */
export function unitFile({ scope, command, folder }: UnitOptions): string {
  const sections = {
    Unit: [
      "Description=Clara gateway between chat platforms and language models",
      ...(scope === "system" ? ["Wants=network-online.target", "After=network-online.target"] : []),
      "StartLimitIntervalSec=300",
      "StartLimitBurst=10",
    ],
    Service: [
      "Type=notify",
      "NotifyAccess=main",
      `ExecStart=${commandLine(command)}`,
      ...(scope === "system" ? systemFolders : [`WorkingDirectory=${escapePercent(folder)}`]),
      ...lifecycle,
      ...hardening,
      ...(scope === "system" ? systemHardening : []),
    ],
    Install: [`WantedBy=${scope === "system" ? "multi-user" : "default"}.target`],
  };
  return Object.entries(sections)
    .map(([name, lines]) => `[${name}]\n${lines.join("\n")}\n`)
    .join("\n");
}

/** The machine's service has its own user and keeps everything in one folder. */
const systemFolders = [
  "DynamicUser=yes",
  `StateDirectory=${unitName}`,
  "StateDirectoryMode=0700",
  `WorkingDirectory=%S/${unitName}`,
  `Environment=HOME=%S/${unitName} CLARA_DATA_DIR=%S/${unitName}/data`,
  `EnvironmentFile=-${systemEnvironmentFile}`,
];

const lifecycle = [
  "ExecReload=kill -HUP $MAINPID",
  "Restart=on-failure",
  "RestartSec=3",
  "# Invalid settings do not become valid by a restart.",
  "RestartPreventExitStatus=2",
  "WatchdogSec=60",
  "TimeoutStartSec=300",
  "# The gateway extends this while turns finish, and stops its child processes itself.",
  "TimeoutStopSec=60",
  "KillMode=mixed",
  "LimitNOFILE=65536",
  "LimitCORE=0",
];

/** Works in a user's service, too. No MemoryDenyWriteExecute: V8 compiles at run time. */
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

/** The colon disables the substitution of variables. */
function commandLine(command: readonly string[]): string {
  const [program = ""] = command;
  if (/["'\\]/.test(program)) {
    throw new ConfigError(
      `Cannot write a unit for ${JSON.stringify(program)}: systemd cannot start a program with ` +
        "quotes or backslashes in its path",
    );
  }
  return `:${command.map(quoteWord).join(" ")}`;
}

/** One word of a command line, quoted if necessary. */
function quoteWord(text: string): string {
  const escaped = escapePercent(text).replace(/["\\]/g, "\\$&");
  return /^[\w/.:=@%+,-]+$/.test(text) ? escaped : `"${escaped}"`;
}

/** Escapes `%`, the only special character of an unquoted value. */
function escapePercent(text: string): string {
  if (/\p{Cc}/u.test(text)) {
    throw new ConfigError(`Cannot write a unit with control characters: ${JSON.stringify(text)}`);
  }
  return text.replaceAll("%", "%%");
}
