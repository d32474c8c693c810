/** The command `service`: the gateway as a systemd service, of the user or of the machine. */

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Flags, readUnitFolders } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import type { Setting } from "../../config/setting.ts";
import { settings } from "../../config/settings.ts";
import { unitFile, unitName, type UnitScope } from "../../platform/unit_file.ts";

/** Runs `service …`; gives the exit code. @throws {ConfigError} for what cannot be installed. */
export async function service(args: readonly string[], flags: Flags): Promise<number> {
  const [action, ...rest] = args;
  if (Deno.build.os !== "linux") {
    throw new ConfigError(`Cannot manage a service on "${Deno.build.os}": it needs systemd`);
  }
  const scope: UnitScope = flags.system ? "system" : "user";
  if (rest.length === 0 && action === "install") return await install(scope, flags);
  if (rest.length === 0 && action === "uninstall") return await uninstall(scope);
  if (rest.length === 0 && action === "status") {
    return await systemctl(scope, ["status", "--no-pager", unitName]);
  }
  throw new ConfigError(
    `Unknown command "service ${args.join(" ")}". clara-gateway service --help says what there is.`,
  );
}

async function install(scope: UnitScope, flags: Flags): Promise<number> {
  const command = [...startableProgram(scope), "run", ...runFlagsOf(scope, flags)];
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
    // One that runs already gets the new unit.
    await systemctl(scope, ["restart", unitName]);
  if (code !== 0) return code;
  console.log(`Started. Its log: journalctl ${scope === "user" ? "--user " : ""}-u ${unitName} -f`);
  if (scope === "user") {
    console.log("To have it run while nobody is logged in: loginctl enable-linger");
  }
  return 0;
}

async function uninstall(scope: UnitScope): Promise<number> {
  const path = unitPath(scope);
  try {
    await Deno.stat(path);
  } catch {
    console.error(`No service is installed: there is no "${path}"`);
    return 1;
  }
  const disabled = await systemctl(scope, ["disable", "--now", unitName]);
  if (disabled !== 0) return disabled;
  await Deno.remove(path);
  console.log(`Removed ${path}. What the gateway has stored is still there.`);
  return await systemctl(scope, ["daemon-reload"]);
}

function unitPath(scope: UnitScope): string {
  return join(readUnitFolders()[scope], `${unitName}.service`);
}

/** @throws {ConfigError} where systemd could not start the program. */
function startableProgram(scope: UnitScope): readonly string[] {
  const program = Deno.execPath();
  if (scope === "system") {
    if (!Deno.build.standalone) {
      throw new ConfigError(
        "Cannot install the source as a service of the machine: its packages are in a home folder. " +
          "Make the program with deno task compile, and install that one.",
      );
    }
    if (/^\/(?:home|root|run\/user|tmp|var\/tmp)\//.test(program)) {
      throw new ConfigError(
        `Cannot install "${program}": the service sees neither home nor temporary folders. ` +
          "Put the program into /usr/local/bin first.",
      );
    }
  }
  if (Deno.build.standalone) return [program];
  const config = fileURLToPath(new URL("deno.json", Deno.mainModule));
  const main = fileURLToPath(Deno.mainModule);
  return [program, "run", "--allow-all", "--no-prompt", "--config", config, main];
}

/** The flags for `run` that were given go into the unit. */
function runFlagsOf(scope: UnitScope, flags: Flags): readonly string[] {
  if (scope === "system" && flags["data-dir"]) {
    throw new ConfigError(
      `Cannot use --data-dir with --system: the service keeps its data in /var/lib/${unitName}/data`,
    );
  }
  return (Object.values(settings) as Setting<unknown>[]).flatMap(({ flag, boolean }) => {
    const value = flag && flags[flag];
    if (value === undefined || value === false) return [];
    return boolean ? [`--${flag}`] : [`--${flag}`, String(value)];
  });
}

/** Runs systemctl; its words go to the terminal. */
async function systemctl(scope: UnitScope, args: readonly string[]): Promise<number> {
  const own = scope === "user" ? ["--user"] : [];
  try {
    const command = new Deno.Command("systemctl", {
      args: [...own, ...args],
      stdin: "null",
      stdout: "inherit",
      stderr: "inherit",
    });
    return (await command.output()).code;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.error("Cannot run systemctl: this machine has no systemd. See docs/deploy.md.");
    return 1;
  }
}
