/** What a command of the command line is. The table in `commands.ts` is made of these. */

import type { Flags } from "../config/config.ts";
import type { Setting } from "../config/setting.ts";
import { settings } from "../config/settings.ts";

/** The name of a setting, as the program has it. */
export type SettingName = keyof typeof settings;

/** An option of a command that is no setting. */
export interface Option {
  /** Its name, without dashes. */
  readonly flag: string;
  /** One letter. */
  readonly short?: string;
  /** What its value is called in the help; without one it takes none. */
  readonly value?: string;
  readonly help: string;
  /** Whether people need not know it: the program gives it to itself. */
  readonly hidden?: boolean;
}

/** Does the command; resolves with the exit code. */
export type CommandRun = (flags: Flags, args: readonly string[]) => Promise<number>;

/** One command. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What may stand after its name, for instance `[options]`. */
  readonly usage: string;
  /** More for its own help. */
  readonly details?: string;
  readonly options: readonly Option[];
  /** The settings whose flags it takes. */
  readonly settings: readonly SettingName[];
  /** The first word after its name, where it has commands of its own; without one it prints its help. */
  readonly actions?: readonly string[];
  /** What its one argument may be, for completions. */
  readonly words?: readonly string[];
  /** The most words after its name. Default: none. */
  readonly maxWords?: number;
  /**
   * An action whose words may be somebody else's command line: options after its first word that this
   * program does not know are words, too.
   */
  readonly wordsOf?: string;
  /** Loads what does it: no command waits for the code of another. */
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
    help: `${help} (${env}; ${shown})`,
  };
}
