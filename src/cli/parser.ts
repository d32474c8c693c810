/** Reads the words of a command line by the table of commands. Pure. Called by the command line. */

import { parseArgs, type ParseArgsOptionDescriptor } from "node:util";
import type { Flags } from "../config/config.ts";
import { ConfigError } from "../lib/config_error.ts";
import { closestWord } from "../lib/closest_word.ts";
import { type Command, type Option, optionsOf } from "./command.ts";
import { commandOf, commands } from "./table.ts";

/** A command line, understood. */
export interface CommandLine {
  /** Undefined where the program's own help is asked for. */
  readonly command: Command | undefined;
  readonly flags: Flags;
  /** What stands after the command's name and is no option. */
  readonly words: readonly string[];
}

const common: readonly Option[] = [
  { flag: "help", short: "h", help: "" },
  { flag: "version", short: "V", help: "" },
];

/** @throws {ConfigError} with what was found and what was meant. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  // What an option is does not hang on the command, so that options may stand before it, too.
  const everything = [...common, ...commands.flatMap(optionsOf)];
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(everything.map(descriptor)),
  });
  const first = tokens.find((token) => token.kind === "positional");
  for (const token of tokens) {
    // What follows an option that nobody knows may be its value, and no command.
    if (token.kind !== "option" || token.index > (first?.index ?? Infinity)) continue;
    if (everything.some(({ flag }) => flag === token.name)) continue;
    throw unknownOption(token.rawName, { command: commandOf("run"), known: everything });
  }
  const command = commandNamed(first?.kind === "positional" ? first.value : "run");
  const known = new Map([...common, ...command ? optionsOf(command) : []].map((o) => [o.flag, o]));
  const flags: Record<string, string | boolean> = {};
  const words: string[] = [];
  let taken = -1;
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind !== "option") continue;
    const foreign = command?.wordsOf !== undefined && words[1] === command.wordsOf;
    // Once it is more than one word it is a command line, and its options are its own.
    const option = foreign && words.length > 3
      ? command.options.find(({ flag }) => flag === token.name)
      : known.get(token.name);
    if (option) flags[token.name] = valueOf(option, token.value);
    else if (foreign && words.length > 2) {
      // A group of letters is one word, and gives a token for each.
      if (token.index !== taken) words.push(args[token.index]!);
      taken = token.index;
      if (token.value !== undefined && !token.inlineValue) words.push(token.value);
    } else throw unknownOption(token.rawName, { command, known: [...known.values()] });
  }
  words.shift();
  if (!command) return { command: commandNamed(words[0]), flags, words: [] };
  checkWords(command, words);
  // Before any command is named, help is about the program.
  const bare = first === undefined && flags.help;
  return { command: bare ? undefined : command, flags, words };
}

/** Undefined for `help`. @throws {ConfigError} where there is none of this name. */
function commandNamed(name: string | undefined): Command | undefined {
  if (name === undefined || name === "help") return undefined;
  const command = commandOf(name);
  if (command) return command;
  const names = commands.map((each) => each.name);
  const meant = closestWord(name, names);
  const hint = meant ? `did you mean ${meant}?` : `there are ${names.join(", ")}.`;
  throw new ConfigError(`Unknown command ${JSON.stringify(name)}; ${hint}`);
}

function valueOf(option: Option, value: string | undefined): string | boolean {
  if (option.value === undefined) {
    if (value === undefined) return true;
    throw new ConfigError(`Option --${option.flag} takes no value; found ${JSON.stringify(value)}`);
  }
  // What looks like another option is one: the value was forgotten.
  if (value === undefined || /^-\D/.test(value)) {
    const found = value === undefined ? "nothing" : value;
    throw new ConfigError(`Option --${option.flag} needs a value; found ${found} after it`);
  }
  return value;
}

function unknownOption(
  found: string,
  { command, known }: {
    readonly command: Command | undefined;
    readonly known: readonly Option[];
  },
): ConfigError {
  const names = known.filter(({ hidden }) => !hidden).map(({ flag }) => flag);
  const meant = closestWord(found.replace(/^-+/, ""), names);
  const others = commands.filter((each) =>
    optionsOf(each).some(({ flag, short }) => found === `--${flag}` || found === `-${short}`)
  );
  const hint = meant
    ? `; did you mean --${meant}?`
    : command && others.length > 0
    ? ` of ${command.name}; it is one of ${others.map(({ name }) => name).join(", ")}`
    : "";
  return new ConfigError(`Unknown option ${found}${hint}`);
}

function checkWords(command: Command, words: readonly string[]): void {
  const { name, words: allowed, actions, maxWords = actions ? Infinity : 0 } = command;
  if (words.length > maxWords) {
    const extra = JSON.stringify(words.slice(maxWords).join(" "));
    throw new ConfigError(
      `Cannot use ${extra} after ${name}: clara-gateway ${name} --help says more`,
    );
  }
  const [first] = words;
  if (allowed && (first === undefined || !allowed.includes(first))) {
    const found = first === undefined ? "nothing" : JSON.stringify(first);
    throw new ConfigError(
      `Cannot use ${found} after ${name}: expected one of ${allowed.join(", ")}`,
    );
  }
}

function descriptor(option: Option): [string, ParseArgsOptionDescriptor] {
  const { flag, short, value } = option;
  return [flag, { type: value === undefined ? "boolean" : "string", ...(short && { short }) }];
}
