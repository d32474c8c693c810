/** The command line: which command, with which flags. Called by main.ts; gives the exit code. */

import { parseArgs } from "node:util";
import type { Flags } from "../config.ts";
import { ConfigError, errorText, ListenError, StoreError } from "../errors.ts";
import type { Setting } from "../setting.ts";
import { settings } from "../settings.ts";
import { version } from "../version.ts";
import { chat } from "./chat.ts";
import { run } from "./run.ts";

/** Exit codes: the program was used wrongly, or something stopped it. */
const exitUsage = 2;
const exitFailure = 1;

const commands = ["run", "chat", "mcp", "hooks", "tasks", "sessions", "forget"];
/** Those that have words of their own after them. */
const withWords = ["mcp", "hooks", "tasks", "sessions"];
const runFlags = (Object.values(settings) as Setting<unknown>[]).filter(({ flag }) => flag);

const help = `clara-gateway ${version}: between chat platforms and language models

Usage:
  clara-gateway [run] [options]   run the gateway in the foreground
  clara-gateway chat [options]    talk to a running gateway in the terminal
  clara-gateway mcp …             manage MCP servers; clara-gateway mcp help says how
  clara-gateway hooks …           look at hooks and try them; clara-gateway hooks help says how
  clara-gateway tasks …           look at tasks and run them; clara-gateway tasks help says how
  clara-gateway sessions …        look at sessions; clara-gateway sessions help says how
  clara-gateway forget --user PLATFORM:ID   delete all that is kept of a user

Options:
${runFlags.map(flagHelp).join("\n")}
  --url URL           of the gateway's WebSocket (all commands but run)
  --version           print the version
  --help              print this help

Everything else is set in the environment or in a .env file; README.md lists it all.`;

/** Runs a command line; resolves with the exit code when the command is over. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  // The compiled program starts itself for code that nobody has read; it is no command for people.
  if (args[0] === "sandbox") {
    const { runSandboxChild } = await import("../tools/sandbox/sandbox_child.ts");
    return await runSandboxChild();
  }
  let flags: Flags;
  let command: string;
  let rest: readonly string[];
  try {
    ({ flags, command, rest } = parse(args));
  } catch (error) {
    // Deno's own advice about positional arguments does not fit.
    const what = errorText(error).split(". To specify")[0];
    console.error(`${what}\nTry: clara-gateway --help`);
    return exitUsage;
  }
  if (flags.help) return print(help);
  if (flags.version) return print(version);
  try {
    switch (command) {
      case "chat":
        return await chat(flags);
      case "mcp": {
        const { mcp } = await import("./mcp_command.ts");
        return await mcp(rest, flags);
      }
      case "hooks": {
        const { hooks } = await import("./hooks_command.ts");
        return await hooks(rest, flags);
      }
      case "tasks": {
        const { tasks } = await import("./tasks_command.ts");
        return await tasks(rest, flags);
      }
      case "sessions": {
        const { sessions } = await import("./sessions_command.ts");
        return await sessions(rest, flags);
      }
      case "forget": {
        const { forget } = await import("./forget_command.ts");
        return await forget(flags);
      }
      default:
        return await run(flags);
    }
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

interface CommandLine {
  readonly flags: Flags;
  readonly command: string;
  readonly rest: readonly string[];
}

function parse(args: readonly string[]): CommandLine {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: "boolean", short: "h" },
      version: { type: "boolean", short: "V" },
      url: { type: "string" },
      name: { type: "string" },
      json: { type: "boolean" },
      event: { type: "string" },
      user: { type: "string" },
      channel: { type: "string" },
      platform: { type: "string" },
      limit: { type: "string" },
      format: { type: "string" },
      ...Object.fromEntries(
        runFlags.map(({ flag, boolean }) => [flag!, { type: boolean ? "boolean" : "string" }]),
      ) as Record<string, { type: "boolean" | "string" }>,
    },
  });
  const [command = "run", ...rest] = positionals;
  if (!commands.includes(command) || (rest.length > 0 && !withWords.includes(command))) {
    const found = JSON.stringify(positionals.join(" "));
    throw new ConfigError(`Unknown command ${found}; there are ${commands.join(", ")}.`);
  }
  return { flags: values as Flags, command, rest };
}

function flagHelp({ flag, env, help, shown, boolean }: Setting<unknown>): string {
  const usage = `--${flag}${boolean ? "" : " …"}`;
  return `  ${usage.padEnd(20)}${help} (${env}; ${shown})`;
}

function print(text: string): number {
  console.log(text);
  return 0;
}
