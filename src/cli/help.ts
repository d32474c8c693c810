/** The texts of `--help`, made from the table of commands. Printed by the command line. */

import { version } from "../config/version.ts";
import { type Command, type Option, optionsOf } from "./command.ts";
import { commandOf, commands } from "./table.ts";

/** What the program can do. */
export function programHelp(): string {
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(13)}${summary}`);
  const run = optionsOf(commandOf("run")!);
  return `clara-gateway ${version}: between chat platforms and language models

Usage: clara-gateway [COMMAND] [options]

Commands:
${lines.join("\n")}
  ${"help COMMAND".padEnd(13)}Say more about a command, as COMMAND --help does

Options of run:
${run.filter(({ hidden }) => !hidden).map(optionHelp).join("\n")}

Options of all:
${optionHelp({ flag: "help", short: "h", help: "Print the help of the command" })}
${optionHelp({ flag: "version", short: "V", help: "Print the version" })}

Commands that talk to a gateway find it by its pid file, by --host and --port, or by --url
(CLARA_GATEWAY_URL). Without one of these they look at what is on this machine where none runs.
Everything else is set in the environment or in a .env file; docs/settings.md lists it all.`;
}

/** What one command can do. */
export function commandHelp(command: Command): string {
  const options = optionsOf(command).filter(({ hidden }) => !hidden);
  return [
    `Usage: clara-gateway ${command.name} ${command.usage}`,
    `${command.summary}.`,
    ...(command.details ? [command.details] : []),
    ...(options.length > 0 ? [`Options:\n${options.map(optionHelp).join("\n")}`] : []),
  ].join("\n\n");
}

function optionHelp({ flag, short, value, help }: Option): string {
  const usage = `${short ? `-${short}, ` : ""}--${flag}${value ? ` ${value}` : ""}`;
  return `  ${usage.padEnd(20)} ${help}`;
}
