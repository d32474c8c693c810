/** The command `service`: installs the gateway as a systemd service of the user or of the machine. */

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Flags, readUnitFolders } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import type { Setting } from "../../config/setting.ts";
import { settings } from "../../config/settings.ts";
import { unitFile, unitName, type UnitScope } from "../../platform/unit_file.ts";

/** Runs `service ACTION`. */
export async function service(flags: Flags, words: readonly string[]): Promise<number> {
  if (Deno.build.os !== "linux") {
    throw new ConfigError(`Cannot manage a service on "${Deno.build.os}": it needs systemd`);
  }
  const scope: UnitScope = flags.system ? "system" : "user";
  switch (words[0]) {
    case "install":
      return await install(scope, flags);
    case "uninstall":
      return await uninstall(scope);
    default:
      return await systemctl(scope, ["status", "--no-pager", unitName]);
  }
}

async function install(scope: UnitScope, flags: Flags): Promise<number> {
  const command = [...installableProgram(scope), "run", ...runArguments(scope, flags)];
  const text = unitFile({ scope, command, folder: Deno.cwd() });
  if (flags.print) {
    console.log(text.trimEnd());
    return 0;
  }
  const path = unitPath(scope);
  try {
    await Deno.mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${crypto.randomUUID()}.tmp`;
    await Deno.writeTextFile(temporary, text, { mode: 0o644 });
    await Deno.rename(temporary, path);
  } catch (error) {
    const advice = scope === "system" ? " (--system needs root)" : "";
    throw new ConfigError(`Cannot write "${path}"${advice}: ${(error as Error).message}`);
  }
  console.log(`Wrote ${path}`);
  const reloaded = await systemctl(scope, ["daemon-reload"]);
  const code = reloaded || await systemctl(scope, ["enable", unitName]) ||
    // A running service must pick up the new unit.
    await systemctl(scope, ["restart", unitName]);
  if (code !== 0) return code;
  console.log(
    `Started. To read its log: journalctl ${scope === "user" ? "--user " : ""}-u ${unitName} -f`,
  );
  if (scope === "user") {
    console.log("To keep it running while you are logged out: loginctl enable-linger");
  }
  return 0;
}

async function uninstall(scope: UnitScope): Promise<number> {
  const path = unitPath(scope);
  try {
    await Deno.stat(path);
  } catch {
    console.error(`The service is not installed: there is no "${path}"`);
    return 1;
  }
  const disabled = await systemctl(scope, ["disable", "--now", unitName]);
  if (disabled !== 0) return disabled;
  await Deno.remove(path);
  console.log(`Removed ${path}. The data of the gateway was kept.`);
  return await systemctl(scope, ["daemon-reload"]);
}

function unitPath(scope: UnitScope): string {
  return join(readUnitFolders()[scope], `${unitName}.service`);
}

/** The program to put into the unit. @throws {ConfigError} if systemd could not start it. */
function installableProgram(scope: UnitScope): readonly string[] {
  const program = Deno.execPath();
  if (scope === "system") {
    if (!Deno.build.standalone) {
      throw new ConfigError(
        "Cannot install from source with --system: the packages are in a home folder. " +
          "Build the program with deno task compile and install that.",
      );
    }
    if (/^\/(?:home|root|run\/user|tmp|var\/tmp)\//.test(program)) {
      throw new ConfigError(
        `Cannot install "${program}": the service cannot access home or temporary folders. ` +
          "Move the program to /usr/local/bin first.",
      );
    }
  }
  if (Deno.build.standalone) return [program];
  const config = fileURLToPath(new URL("deno.json", Deno.mainModule));
  const main = fileURLToPath(Deno.mainModule);
  return [program, "run", "--allow-all", "--no-prompt", "--config", config, main];
}

/** The given flags, as arguments of `run` in the unit. */
function runArguments(scope: UnitScope, flags: Flags): readonly string[] {
  if (scope === "system" && flags["data-dir"]) {
    throw new ConfigError(
      `Cannot use --data-dir with --system: the data folder is /var/lib/${unitName}/data`,
    );
  }
  return (Object.values(settings) as Setting<unknown>[]).flatMap(({ flag, boolean }) => {
    const value = flag && flags[flag];
    if (value === undefined || value === false) return [];
    return boolean ? [`--${flag}`] : [`--${flag}`, String(value)];
  });
}

/** Runs systemctl, whose output goes to the terminal; resolves with its exit code. */
async function systemctl(scope: UnitScope, args: readonly string[]): Promise<number> {
  const scopeArgs = scope === "user" ? ["--user"] : [];
  try {
    const command = new Deno.Command("systemctl", {
      args: [...scopeArgs, ...args],
      stdin: "null",
      stdout: "inherit",
      stderr: "inherit",
    });
    return (await command.output()).code;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.error("Cannot run systemctl: this machine does not have systemd. See docs/deploy.md.");
    return 1;
  }
}
