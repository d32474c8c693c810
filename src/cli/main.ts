/** The command line: parses the arguments, runs the command and turns its errors into an exit code. */

import type { Flags } from "../config/config.ts";
import { version } from "../config/version.ts";
import { ListenError, StoreError } from "../domain/errors.ts";
import { ConfigError } from "../lib/config_error.ts";
import { type Command, CommandError } from "./command.ts";
import { commandHelp, programHelp } from "./help.ts";
import { oneLine } from "./output.ts";
import { type CommandLine, parseCommandLine } from "./parser.ts";

const exitFailure = 1;
const exitUsage = 2;
/** The exit code of a program that SIGPIPE ended. */
const exitBrokenPipe = 141;

/** Runs a command line; resolves with the exit code. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  try {
    return await parseAndRun(args);
  } catch (error) {
    // The reader of the output, such as `head`, has closed the pipe.
    if (error instanceof Deno.errors.BrokenPipe) return exitBrokenPipe;
    throw error;
  }
}

async function parseAndRun(args: readonly string[]): Promise<number> {
  // The compiled program starts itself as the sandbox of run_javascript. Not a command for people.
  if (args[0] === "sandbox") {
    const { runSandboxChild } = await import("../tools/sandbox/child.ts");
    return await runSandboxChild();
  }
  let line: CommandLine;
  try {
    line = parseCommandLine(args);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(`${error.message}\nTry: clara-gateway --help`);
    return exitUsage;
  }
  const { command, flags, words: [action] } = line;
  if (flags.version) return print(version);
  if (!command) return print(programHelp());
  const actionMissing = command.actions && (action === undefined || action === "help");
  if (flags.help || actionMissing) return print(commandHelp(command));
  return await runCommand(command, flags, line.words);
}

async function runCommand(
  command: Command,
  flags: Flags,
  words: readonly string[],
): Promise<number> {
  try {
    const run = await command.load();
    return await run(flags, words);
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw error;
    if (error instanceof ConfigError) {
      console.error(error.message);
      return exitUsage;
    }
    if (error instanceof CommandError) console.error(oneLine(error.message));
    else if (error instanceof StoreError || error instanceof ListenError) {
      console.error(error.message);
    } else {
      // A bug: print its stack. Rethrown, it could end the process with exit code 0.
      console.error(error);
    }
    return exitFailure;
  }
}

function print(text: string): number {
  console.log(text);
  return 0;
}
