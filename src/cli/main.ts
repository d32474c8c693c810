/** The command line: which command, with which flags. Called by main.ts; gives the exit code. */

import type { Flags } from "../config/config.ts";
import { ConfigError } from "../lib/config_error.ts";
import { ListenError, StoreError } from "../domain/errors.ts";
import { version } from "../config/version.ts";
import { parseCommandLine } from "./parser.ts";
import { commandHelp, programHelp } from "./help.ts";
import type { Command } from "./command.ts";

/** Exit codes: the program was used wrongly, or something stopped it. */
const exitUsage = 2;
const exitFailure = 1;
/** As that of a program that the signal SIGPIPE has ended. */
const exitPipe = 141;

/** Runs a command line; resolves with the exit code when the command is over. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  try {
    return await runWords(args);
  } catch (error) {
    // Whoever reads the output has seen enough.
    if (error instanceof Deno.errors.BrokenPipe) return exitPipe;
    throw error;
  }
}

async function runWords(args: readonly string[]): Promise<number> {
  // The compiled program starts itself for code that nobody has read; it is no command for people.
  if (args[0] === "sandbox") {
    const { runSandboxChild } = await import("../tools/sandbox/sandbox_child.ts");
    return await runSandboxChild();
  }
  let command: Command | undefined;
  let flags: Flags;
  let words: readonly string[];
  try {
    ({ command, flags, words } = parseCommandLine(args));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(`${error.message}\nTry: clara-gateway --help`);
    return exitUsage;
  }
  if (flags.version) return print(version);
  if (!command) return print(programHelp());
  const [first] = words;
  const lost = command.actions && (first === undefined || first === "help");
  if (flags.help || lost) return print(commandHelp(command));
  try {
    const run = await command.load();
    return await run(flags, words);
  } catch (error) {
    if (error instanceof ConfigError) {
      console.error(error.message);
      return exitUsage;
    }
    if (error instanceof StoreError || error instanceof ListenError) {
      console.error(error.message);
      return exitFailure;
    }
    if (error instanceof Deno.errors.BrokenPipe) throw error;
    // A mistake of the program's own: with its stack. Thrown on, it could end with exit code 0.
    console.error(error);
    return exitFailure;
  }
}

function print(text: string): number {
  console.log(text);
  return 0;
}
