/** Parses a command line according to the table of commands. Pure. */

import { parseArgs, type ParseArgsOptionDescriptor } from "node:util";
import type { Flags } from "../config/config.ts";
import { closestWord } from "../lib/closest_word.ts";
import { ConfigError } from "../lib/config_error.ts";
import { type Command, type Option, optionsOf } from "./command.ts";
import { commands, findCommand } from "./table.ts";

/** A parsed command line. */
export interface CommandLine {
  /** Undefined if the program's own help was requested. */
  readonly command: Command | undefined;
  readonly flags: Flags;
  /** The arguments after the command's name that are not options. */
  readonly words: readonly string[];
}

type Token = NonNullable<ReturnType<typeof parseArgs>["tokens"]>[number];

const commonOptions: readonly Option[] = [
  { flag: "help", short: "h", help: "" },
  { flag: "version", short: "V", help: "" },
];

/** @throws {ConfigError} that quotes the wrong argument and suggests a right one. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const tokens = tokenize(args);
  const first = tokens.find((token) => token.kind === "positional");
  const command = commandOf(first?.value ?? "run");
  const { flags, words: [, ...words] } = collect(tokens, { command, args, named: Boolean(first) });
  if (!command) {
    const topic = commandOf(words[0]);
    return { command: topic, flags: topic ? { ...flags, help: true } : flags, words: [] };
  }
  if (!flags.help && !flags.version) checkWords(command, words);
  // Without a command, --help is about the program.
  return { command: flags.help && !first ? undefined : command, flags, words };
}

/** Splits the arguments into options and words. @throws {ConfigError} for an unknown first option. */
function tokenize(args: readonly string[]): readonly Token[] {
  // Options may precede the command, so the options of all commands are known here.
  const options = [...commonOptions, ...commands.flatMap(optionsOf)];
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(options.map(descriptor)),
  });
  const first = tokens.find((token) => token.kind === "positional");
  for (const token of tokens) {
    // The word after an unknown option may be its value, so it cannot be taken for a command.
    if (token.kind !== "option" || token.index > (first?.index ?? Infinity)) continue;
    if (options.some(({ flag }) => flag === token.name)) continue;
    throw unknownOption(token.rawName, { command: findCommand("run"), known: options });
  }
  return tokens;
}

/** Collects flags and words; the first word is the command's name, also if it was left out. */
function collect(
  tokens: readonly Token[],
  { command, args, named }: {
    readonly command: Command | undefined;
    readonly args: readonly string[];
    readonly named: boolean;
  },
): { readonly flags: Flags; readonly words: readonly string[] } {
  const options = [...commonOptions, ...command ? optionsOf(command) : []];
  const known = new Map(options.map((option) => [option.flag, option]));
  const flags: Record<string, string | boolean> = {};
  const words: string[] = named ? [] : ["run"];
  let taken = -1;
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind !== "option") continue;
    const foreign = command?.foreignAction !== undefined && words[1] === command.foreignAction;
    // With more than one word it is a command line, whose options are its own.
    const option = foreign && words.length > 3
      ? command.options.find(({ flag }) => flag === token.name)
      : known.get(token.name);
    if (option) flags[token.name] = valueOf(option, token.value);
    else if (foreign && words.length > 2) {
      // A group of letters, such as -it, is one word but has a token for each letter.
      if (token.index !== taken) words.push(args[token.index]!);
      taken = token.index;
      if (token.value !== undefined && !token.inlineValue) words.push(token.value);
    } else throw unknownOption(token.rawName, { command, known: options });
  }
  return { flags, words };
}

/** Undefined for `help`. @throws {ConfigError} if there is no such command. */
function commandOf(name: string | undefined): Command | undefined {
  if (name === undefined || name === "help") return undefined;
  const command = findCommand(name);
  if (command) return command;
  const names = commands.map((each) => each.name);
  const meant = closestWord(name, names);
  const hint = meant ? `did you mean ${meant}?` : `expected one of ${names.join(", ")}`;
  throw new ConfigError(`Unknown command ${JSON.stringify(name)}; ${hint}`);
}

function valueOf(option: Option, value: string | undefined): string | boolean {
  if (option.value === undefined) {
    if (value === undefined) return true;
    throw new ConfigError(`Option --${option.flag} takes no value; found ${JSON.stringify(value)}`);
  }
  // If another option follows, the value was forgotten.
  if (value === undefined || /^-\D/.test(value)) {
    throw new ConfigError(`Option --${option.flag} needs a value; found ${value ?? "nothing"}`);
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
    ? ` of ${command.name}; it belongs to ${others.map(({ name }) => name).join(", ")}`
    : "";
  return new ConfigError(`Unknown option ${found}${hint}`);
}

function checkWords(command: Command, words: readonly string[]): void {
  const { name, actions, maxWords = actions ? Infinity : 0 } = command;
  const [first] = words;
  // Without an action, and with help as the action, the command prints its help.
  if (actions && (first === undefined || first === "help")) return;
  const allowed = actions ?? command.words;
  if (allowed && (first === undefined || !allowed.includes(first))) {
    const found = first === undefined ? "nothing" : JSON.stringify(first);
    throw new ConfigError(
      `Cannot use ${found} after ${name}: expected one of ${allowed.join(", ")}`,
    );
  }
  if (words.length > maxWords) {
    const extra = JSON.stringify(words.slice(maxWords).join(" "));
    throw new ConfigError(`Cannot use ${extra} after ${name}: see clara-gateway ${name} --help`);
  }
}

function descriptor(option: Option): [string, ParseArgsOptionDescriptor] {
  const { flag, short, value } = option;
  return [flag, { type: value === undefined ? "boolean" : "string", ...(short && { short }) }];
}
