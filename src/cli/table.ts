/** The commands, in the order of the help. A new one is an entry here and a file that does it. */

import type { Setting } from "../config/setting.ts";
import { settings } from "../config/settings.ts";
import type { Command, Option, SettingName } from "./command.ts";
import { json, place, url } from "./common_options.ts";
import { dataCommands } from "./commands/data_commands.ts";

/** All settings that have a flag. */
const allSettings = (Object.entries(settings) as [SettingName, Setting<unknown>][])
  .filter(([, { flag }]) => flag).map(([name]) => name);

const background: Option = {
  flag: "background",
  value: "FOLDER",
  help: "Said by start, with the folder it was called in",
  hidden: true,
};
const stopTimeout: Option = {
  flag: "timeout",
  value: "SECONDS",
  help: "Kill it when it has not ended by then (default: CLARA_DRAIN_SECONDS and 10)",
};
const startTimeout: Option = {
  flag: "timeout",
  value: "SECONDS",
  help: "Give up when it does not answer by then (default: 60)",
};

/** The commands. */
export const commands: readonly Command[] = [
  {
    name: "run",
    summary: "Run the gateway in the foreground (the default)",
    usage: "[options]",
    options: [background],
    settings: allSettings,
    load: async () => (await import("./commands/run.ts")).run,
  },
  {
    name: "start",
    summary: "Run the gateway in the background; returns when it answers",
    usage: "[options]",
    options: [startTimeout],
    settings: allSettings,
    load: async () => (await import("./commands/start.ts")).start,
  },
  {
    name: "status",
    summary: "Say whether the gateway runs, and how it is",
    usage: "[--json] [options]",
    details:
      "Exit code: 0 it runs, 3 it does not, 4 it does not answer or says that it cannot work.",
    options: [json],
    settings: place,
    load: async () => (await import("./commands/status.ts")).status,
  },
  {
    name: "stop",
    summary: "Stop the gateway: running turns finish first",
    usage: "[--timeout SECONDS] [options]",
    options: [stopTimeout],
    settings: place,
    load: async () => (await import("./commands/stop.ts")).stop,
  },
  {
    name: "restart",
    summary: "Stop the gateway and start it again, with the options it was started with",
    usage: "[options]",
    details: "Options given here replace those of the last start.",
    options: [{ ...stopTimeout, help: "Longest time of the stop, and again of the start" }],
    settings: allSettings,
    load: async () => (await import("./commands/restart.ts")).restart,
  },
  {
    name: "logs",
    summary: "Print the last lines of the log",
    usage: "[-f] [-n LINES] [options]",
    options: [
      { flag: "follow", short: "f", help: "Go on with new lines, until Ctrl-C" },
      { flag: "lines", short: "n", value: "LINES", help: "How many (default: 50)" },
    ],
    settings: [...place, "logFile"],
    load: async () => (await import("./commands/logs.ts")).logs,
  },
  {
    name: "chat",
    summary: "Talk to a running gateway in the terminal",
    usage: "[options]",
    options: [url],
    settings: place,
    load: async () => (await import("./chat/chat.ts")).chat,
  },
  {
    name: "mcp",
    summary: "Manage MCP servers",
    usage: "ACTION …",
    details: `Actions:
  list [--json]              servers, whether they run, how many tools they have
  add SOURCE [--name NAME]   SOURCE: an npm package, a command line, or a URL
  remove NAME
  enable NAME
  disable NAME
  restart NAME
  tools [NAME]               the tools of one server or of all
  call NAME TOOL [JSON]      calls a tool and prints what it gives

The servers stand in the file of CLARA_MCP_CONFIG (--mcp-config, ./mcp.json). A running gateway is told
of a change; without one the file alone is changed. Words of a command line that look like options of
this program stand after --: mcp add -- npx -y some-server --name x.`,
    options: [
      url,
      json,
      { flag: "name", value: "NAME", help: "Name of a server that is added" },
    ],
    settings: [...place, "mcpFile", "toolsFile"],
    actions: ["list", "add", "remove", "enable", "disable", "restart", "tools", "call"],
    maxWords: Infinity,
    wordsOf: "add",
    load: async () => {
      const { mcp } = await import("./commands/mcp.ts");
      return (flags, args) => mcp(args, flags);
    },
  },
  {
    name: "hooks",
    summary: "Look at hooks and try them",
    usage: "ACTION …",
    details: `Actions:
  list [--json]                     hooks, their events, and whether they keep up
  test NAME [--event E] [--json]    runs one with an event made up for it
  results [NAME] [--json]           how they went, the newest last
  reload                            has secrets.yaml, hooks.yaml and scheduler.yaml read again

Hooks stand in hooks.yaml in the folder of CLARA_HOOKS_DIR (--hooks-dir, ./hooks), beside plugins.
Without a running gateway the file alone is looked at.`,
    options: [url, json, {
      flag: "event",
      value: "EVENT",
      help: "Name of the event to try it with",
    }],
    settings: [...place, "hooksDir"],
    actions: ["list", "test", "results", "reload"],
    load: async () => {
      const { hooks } = await import("./commands/hooks.ts");
      return (flags, args) => hooks(args, flags);
    },
  },
  {
    name: "tasks",
    summary: "Look at scheduled tasks and run them",
    usage: "ACTION …",
    details: `Actions:
  list [--json]             tasks, when they ran and when they come
  next [--json]             the next fire times
  run NAME [--json]         runs one now (in the running gateway)
  results [NAME] [--json]   how they went, the newest last

Tasks stand in scheduler.yaml in the folder of CLARA_SCHEDULER_DIR (--scheduler-dir, .), or in plugins.
Without a running gateway the file alone is looked at.`,
    options: [url, json],
    settings: [...place, "schedulerDir"],
    actions: ["list", "next", "run", "results"],
    load: async () => {
      const { tasks } = await import("./commands/tasks.ts");
      return (flags, args) => tasks(args, flags);
    },
  },
  ...dataCommands,
  {
    name: "service",
    summary: "The gateway as a systemd service",
    usage: "ACTION [--system] [options]",
    details: `Actions:
  install     write the unit, start it now and with every login or boot
              (--print only shows the unit)
  uninstall   stop it and remove the unit; the data stays
  status      what systemd says about it

Without --system it is the service of the user who calls, and runs in the folder where it is installed
from. With --system (as root) it is the machine's, with its files in /var/lib/clara-gateway and its
settings in /etc/clara-gateway/env.`,
    options: [
      { flag: "system", help: "The machine's service, not the user's" },
      { flag: "print", help: "Only print the unit" },
    ],
    settings: allSettings,
    actions: ["install", "uninstall", "status"],
    load: async () => {
      const { service } = await import("./commands/service.ts");
      return (flags, args) => service(args, flags);
    },
  },
  {
    name: "backup",
    summary: "Copy the store into a file, also while the gateway runs",
    usage: "FILE [--force] [options]",
    options: [{ flag: "force", help: "Replace a file that is there" }],
    settings: ["dataDir"],
    maxWords: 1,
    load: async () => {
      const { backup } = await import("./commands/backup.ts");
      return (flags, args) => backup(args, flags);
    },
  },
  {
    name: "restore",
    summary: "Put such a copy in place, while no gateway runs",
    usage: "FILE [options]",
    options: [],
    settings: ["dataDir"],
    maxWords: 1,
    load: async () => {
      const { restore } = await import("./commands/backup.ts");
      return (flags, args) => restore(args, flags);
    },
  },
  {
    name: "doctor",
    summary: "Check the configuration, the files, the store, the port, the model, MCP servers",
    usage: "[--json] [--skip NAMES] [options]",
    details: "Exit code: 0 where no check ends with an error, else 1.",
    options: [
      json,
      { flag: "skip", value: "NAMES", help: "Checks to leave out, with commas between (mcp, llm)" },
    ],
    settings: allSettings,
    load: async () => (await import("./commands/doctor.ts")).doctor,
  },
  {
    name: "config",
    summary: "Print every setting, its value and where that came from",
    usage: "[--json] [options]",
    options: [json],
    settings: allSettings,
    load: async () => (await import("./commands/config.ts")).config,
  },
  {
    name: "completions",
    summary: "Print completions for a shell",
    usage: "bash|zsh|fish",
    details: `For instance, in ~/.bashrc:  eval "$(clara-gateway completions bash)"
in ~/.zshrc:  eval "$(clara-gateway completions zsh)"
for fish:  clara-gateway completions fish > ~/.config/fish/completions/clara-gateway.fish`,
    options: [],
    settings: [],
    words: ["bash", "zsh", "fish"],
    maxWords: 1,
    load: async () => {
      const { completions } = await import("./completions.ts");
      return (_flags, [shell]) => completions(shell!, commands);
    },
  },
];

/** The command of this name. */
export function commandOf(name: string): Command | undefined {
  return commands.find((command) => command.name === name);
}
