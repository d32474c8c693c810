/** The command line: which command, with which flags. Called by main.ts; gives the exit code. */

import { parseArgs } from "node:util";
import { type Flags, settings } from "../config.ts";
import { ConfigError, errorText, ListenError, StoreError } from "../errors.ts";
import type { Setting } from "../setting.ts";
import { version } from "../version.ts";
import { chat } from "./chat.ts";
import { run } from "./run.ts";

/** Exit codes: the program was used wrongly, or something stopped it. */
const exitUsage = 2;
const exitFailure = 1;

const runFlags = (Object.values(settings) as Setting<unknown>[]).filter(({ flag }) => flag);

const help = `clara-gateway ${version}: between chat platforms and language models

Usage:
  clara-gateway [run] [options]   run the gateway in the foreground
  clara-gateway chat [options]    talk to a running gateway in the terminal

Options:
${runFlags.map(flagHelp).join("\n")}
  --url URL           of the gateway's WebSocket (chat)
  --version           print the version
  --help              print this help

Everything else is set in the environment or in a .env file; README.md lists it all.`;

/** Runs a command line; resolves with the exit code when the command is over. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  let flags: Flags;
  let command: string;
  try {
    ({ flags, command } = parse(args));
  } catch (error) {
    console.error(`${errorText(error)}\nTry: clara-gateway --help`);
    return exitUsage;
  }
  if (flags.help) return print(help);
  if (flags.version) return print(version);
  try {
    return await (command === "chat" ? chat(flags) : run(flags));
  } catch (error) {
    if (error instanceof ConfigError) {
      console.error(error.message);
      return exitUsage;
    }
    if (error instanceof StoreError || error instanceof ListenError) {
      console.error(error.message);
      return exitFailure;
    }
    throw error;
  }
}

function parse(args: readonly string[]): { readonly flags: Flags; readonly command: string } {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: "boolean", short: "h" },
      version: { type: "boolean", short: "V" },
      url: { type: "string" },
      ...Object.fromEntries(
        runFlags.map(({ flag, boolean }) => [flag!, { type: boolean ? "boolean" : "string" }]),
      ) as Record<string, { type: "boolean" | "string" }>,
    },
  });
  const [command = "run", ...rest] = positionals;
  if (!["run", "chat"].includes(command) || rest.length > 0) {
    throw new ConfigError(
      `Unknown command ${JSON.stringify(positionals.join(" "))}; there are run and chat.`,
    );
  }
  return { flags: values as Flags, command };
}

function flagHelp({ flag, env, help, shown, boolean }: Setting<unknown>): string {
  const usage = `--${flag}${boolean ? "" : " …"}`;
  return `  ${usage.padEnd(20)}${help} (${env}; ${shown})`;
}

function print(text: string): number {
  console.log(text);
  return 0;
}
