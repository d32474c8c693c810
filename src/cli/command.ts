/** What a command is. The table is made of these. */

import type { Flags } from "../config/config.ts";
import type { Setting } from "../config/setting.ts";
import { settings } from "../config/settings.ts";

/**
 * An expected failure, such as a gateway that is not running. The command line prints the message in one
 * line and exits with code 1.
 */
export class CommandError extends Error {
  override readonly name: string = "CommandError";
}

/** The name of a setting in the program. */
export type SettingName = keyof typeof settings;

/** An option that is not a setting. */
export interface Option {
  /** Its name, without dashes. */
  readonly flag: string;
  /** One letter. */
  readonly short?: string;
  /** The placeholder of its value in the help text. An option without one takes no value. */
  readonly value?: string;
  readonly help: string;
  /** Whether it is left out of help and completions, because only the program itself uses it. */
  readonly hidden?: boolean;
}

/**
 * Runs the command; resolves with the exit code.
 *
 * @param words the arguments after the command's name that are not options.
 * @throws {ConfigError} for wrong usage or an invalid setting.
 * @throws {CommandError} for an expected failure.
 */
export type CommandRun = (flags: Flags, words: readonly string[]) => Promise<number>;

/** One command. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** The arguments, such as `[options]`. */
  readonly usage: string;
  /** More text for its own help. */
  readonly details?: string;
  readonly options: readonly Option[];
  /** The settings whose flags it accepts. */
  readonly settings: readonly SettingName[];
  /** Its subcommands. Without one of them the command prints its help. */
  readonly actions?: readonly string[];
  /** The allowed values of its one argument. */
  readonly words?: readonly string[];
  /** How many words it accepts. Default: none; with actions, any number. */
  readonly maxWords?: number;
  /**
   * An action whose words may be a foreign command line: unknown options after its first word are words,
   * too.
   */
  readonly foreignAction?: string;
  /** Imports the implementation, so that a command loads no code of another. */
  readonly load: () => Promise<CommandRun>;
}

/** All options of a command: its own, then the flags of its settings. */
export function optionsOf(command: Command): readonly Option[] {
  return [...command.options, ...command.settings.map(settingOption)];
}

function settingOption(name: SettingName): Option {
  const { flag, boolean, help, env, shown } = settings[name] as Setting<unknown>;
  return {
    flag: flag!,
    ...(!boolean && { value: "…" }),
    // Some defaults are a description in parentheses; these have parentheses around them already.
    help: `${help} (${env}; ${shown.replace(/^\((.*)\)$/, "$1")})`,
  };
}
