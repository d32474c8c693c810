/** The texts of `--help`, generated from the table of commands. */

import { version } from "../config/version.ts";
import { type Command, type Option, optionsOf } from "./command.ts";
import { commands, findCommand } from "./table.ts";

/** The help text of the program. */
export function programHelp(): string {
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(13)}${summary}`);
  return `clara-gateway ${version}: a gateway between chat platforms and language models

Usage: clara-gateway [COMMAND] [options]

Commands:
${lines.join("\n")}
  ${"help COMMAND".padEnd(13)}Print the help of a command, like COMMAND --help

Options of run:
${optionLines(findCommand("run")!).join("\n")}

Common options:
${optionLine({ flag: "help", short: "h", help: "Print the help of the command" })}
${optionLine({ flag: "version", short: "V", help: "Print the version" })}

Commands find the gateway by --url (CLARA_GATEWAY_URL), by --host and --port, or by its PID file. If
no gateway is running on this machine, they use its files and store.
Other settings are read from the environment or a .env file; see docs/settings.md.`;
}

/** The help text of one command. */
export function commandHelp(command: Command): string {
  const options = optionLines(command);
  return [
    `Usage: clara-gateway ${command.name} ${command.usage}`,
    `${command.summary}.`,
    ...(command.details ? [command.details] : []),
    ...(options.length > 0 ? [`Options:\n${options.join("\n")}`] : []),
  ].join("\n\n");
}

function optionLines(command: Command): readonly string[] {
  return optionsOf(command).filter(({ hidden }) => !hidden).map(optionLine);
}

function optionLine({ flag, short, value, help }: Option): string {
  const usage = `${short ? `-${short}, ` : ""}--${flag}${value ? ` ${value}` : ""}`;
  return `  ${usage.padEnd(20)} ${help}`;
}
