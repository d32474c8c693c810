/** The commands, in the order of the help. To add one, add an entry here and a file in `commands/`. */

import type { Setting } from "../config/setting.ts";
import { settings } from "../config/settings.ts";
import type { Command, Option, SettingName } from "./command.ts";

/** All settings that have a flag. */
const allSettings = (Object.entries(settings) as [SettingName, Setting<unknown>][])
  .filter(([, { flag }]) => flag).map(([name]) => name);

/** The settings that say which gateway is meant. */
const locationSettings: readonly SettingName[] = ["host", "port", "dataDir", "pidFile"];

const url: Option = {
  flag: "url",
  value: "URL",
  help: "Address of the gateway's WebSocket",
};
const json: Option = { flag: "json", help: "Print JSON" };
const background: Option = {
  flag: "background",
  value: "FOLDER",
  help: "Set by start: the folder in which it was called",
  hidden: true,
};
const stopTimeout: Option = {
  flag: "timeout",
  value: "SECONDS",
  help: "Kill the gateway if it takes longer (default: CLARA_DRAIN_SECONDS plus 10)",
};
const startTimeout: Option = {
  flag: "timeout",
  value: "SECONDS",
  help: "Give up if the gateway does not respond in time (default: 60)",
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
    summary: "Start the gateway in the background; returns when it responds",
    usage: "[options]",
    options: [startTimeout],
    settings: allSettings,
    load: async () => (await import("./commands/start.ts")).start,
  },
  {
    name: "status",
    summary: "Show whether the gateway is running, and its health",
    usage: "[--json] [options]",
    details:
      "Exit codes: 0 running, 3 not running, 4 not responding or reporting that it cannot work.",
    options: [json],
    settings: locationSettings,
    load: async () => (await import("./commands/status.ts")).status,
  },
  {
    name: "stop",
    summary: "Stop the gateway after running turns have finished",
    usage: "[--timeout SECONDS] [options]",
    options: [stopTimeout],
    settings: locationSettings,
    load: async () => (await import("./commands/stop.ts")).stop,
  },
  {
    name: "restart",
    summary: "Stop the gateway and start it again with the same options",
    usage: "[options]",
    details: "Options given here replace those of the last start.",
    options: [{ ...stopTimeout, help: "Time limit of the stop, and again of the start" }],
    settings: allSettings,
    load: async () => (await import("./commands/start.ts")).restart,
  },
  {
    name: "logs",
    summary: "Print the last lines of the log",
    usage: "[-f] [-n LINES] [options]",
    options: [
      { flag: "follow", short: "f", help: "Print new lines as they are written, until Ctrl-C" },
      { flag: "lines", short: "n", value: "LINES", help: "Number of lines (default: 50)" },
    ],
    settings: [...locationSettings, "logFile"],
    load: async () => (await import("./commands/logs.ts")).logs,
  },
  {
    name: "chat",
    summary: "Chat with a running gateway in the terminal",
    usage: "[options]",
    options: [url],
    settings: locationSettings,
    load: async () => (await import("./chat/chat.ts")).chat,
  },
  {
    name: "mcp",
    summary: "Manage MCP servers",
    usage: "ACTION …",
    details: `Actions:
  list [--json]              list servers, their state and number of tools
  add SOURCE [--name NAME]   SOURCE: an npm package, a command line, or a URL
  remove NAME
  enable NAME
  disable NAME
  restart NAME
  login NAME                 log in to a server that is protected by OAuth
  logout NAME                delete the login
  tools [NAME]               list the tools of one server, or of all
  call NAME TOOL [JSON]      call a tool and print its result

Servers are configured in the file of CLARA_MCP_CONFIG (--mcp-config, ./mcp.json). A running gateway
applies changes at once; without one, only the file is changed. If the server's command line has an
option that clara-gateway has too, put -- before it: mcp add -- npx -y some-server --name x.`,
    options: [
      url,
      json,
      { flag: "name", value: "NAME", help: "Name of the server to add" },
    ],
    settings: [...locationSettings, "mcpFile", "toolsFile"],
    actions: [
      ...["list", "add", "remove", "enable", "disable", "restart"],
      ...["login", "logout", "tools", "call"],
    ],
    foreignAction: "add",
    load: async () => (await import("./commands/mcp.ts")).mcp,
  },
  {
    name: "hooks",
    summary: "List and test hooks",
    usage: "ACTION …",
    details: `Actions:
  list [--json]                     list hooks, their events and queues
  test NAME [--event E] [--json]    run a hook with a sample event
  results [NAME] [--json]           show past runs, newest last
  reload                            reload secrets.yaml, hooks.yaml and scheduler.yaml

Hooks are defined in hooks.yaml in the folder of CLARA_HOOKS_DIR (--hooks-dir, ./hooks), next to
plugins. If no gateway is running, only that file is read.`,
    options: [url, json, {
      flag: "event",
      value: "EVENT",
      help: "Name of the sample event",
    }],
    settings: [...locationSettings, "hooksDir"],
    actions: ["list", "test", "results", "reload"],
    load: async () => (await import("./commands/hooks.ts")).hooks,
  },
  {
    name: "tasks",
    summary: "List and run scheduled tasks",
    usage: "ACTION …",
    details: `Actions:
  list [--json]             list tasks, their last and next runs
  next [--json]             show the next fire times
  run NAME [--json]         run a task now, in the running gateway
  results [NAME] [--json]   show past runs, newest last

Tasks are defined in scheduler.yaml in the folder of CLARA_SCHEDULER_DIR (--scheduler-dir, .), or in
plugins. If no gateway is running, only that file is read.`,
    options: [url, json],
    settings: [...locationSettings, "schedulerDir"],
    actions: ["list", "next", "run", "results"],
    load: async () => (await import("./commands/tasks.ts")).tasks,
  },
  {
    name: "sessions",
    summary: "List, export and end sessions",
    usage: "ACTION …",
    details: `Actions:
  list [--user ID] [--channel ID] [--platform P] [--limit N] [--json]
                                     list the latest sessions
  show ID [--json]                   show a session and its conversation
  export ID [--format jsonl|markdown]
                                     print its history; redirect it to a file
  end ID                             end it: its history leaves the context

If no gateway is running, the store in CLARA_DATA_DIR (--data-dir) is read.`,
    options: [
      url,
      json,
      { flag: "user", value: "ID", help: "Only sessions of this user" },
      { flag: "channel", value: "ID", help: "Only sessions in this channel" },
      { flag: "platform", value: "P", help: "Only sessions on this platform" },
      { flag: "limit", value: "N", help: "How many to list" },
      { flag: "format", value: "FORMAT", help: "jsonl or markdown" },
    ],
    settings: locationSettings,
    actions: ["list", "show", "export", "end"],
    load: async () => (await import("./commands/sessions.ts")).sessions,
  },
  {
    name: "forget",
    summary: "Delete all data of a user",
    usage: "--user PLATFORM:ID [--json] [options]",
    options: [url, json, { flag: "user", value: "PLATFORM:ID", help: "Whose data to delete" }],
    settings: locationSettings,
    load: async () => (await import("./commands/memory.ts")).forget,
  },
  {
    name: "memory",
    summary: "Show and delete memories of a user",
    usage: "ACTION --user USER …",
    details: `Actions:
  list --user USER [--json]             the latest first
  search QUERY --user USER [--json]     search as a turn would
  forget --user USER --id ID            delete one memory
  forget --user USER --text TEXT        delete those that contain a text
  forget --user USER --all              delete all, and everything queued to be learned

USER is PLATFORM:ID, such as discord:4711. If no gateway is running, the store is used, and mem0 if it
is configured.`,
    options: [
      url,
      json,
      { flag: "user", value: "PLATFORM:ID", help: "Whose memories" },
      { flag: "id", value: "ID", help: "The memory to delete" },
      { flag: "text", value: "WORDS", help: "Delete memories that contain this text" },
      { flag: "all", help: "Delete all memories of this user" },
    ],
    settings: locationSettings,
    actions: ["list", "search", "forget"],
    load: async () => (await import("./commands/memory.ts")).memory,
  },
  {
    name: "usage",
    summary: "Show tokens and cost by user, channel, model, day or purpose",
    usage: "[user|channel|model|day|purpose] [options]",
    details: `Grouped by day by default; days are in UTC. Requests count as estimated if their
provider did not report token counts.`,
    options: [
      url,
      json,
      { flag: "from", value: "DAY", help: "First day, such as 2030-01-31 (UTC)" },
      { flag: "to", value: "DAY", help: "Last day" },
    ],
    settings: locationSettings,
    maxWords: 1,
    load: async () => (await import("./commands/usage.ts")).usage,
  },
  {
    name: "service",
    summary: "Install the gateway as a systemd service",
    usage: "ACTION [--system] [options]",
    details: `Actions:
  install     write the unit, start it now and at every login or boot
              (--print only shows the unit)
  uninstall   stop the service and remove the unit; the data stays
  status      show what systemctl status shows

By default it is a user service that runs in the current folder. With --system (as root) it is a
system service, with its files in /var/lib/clara-gateway and its settings in /etc/clara-gateway/env.`,
    options: [
      { flag: "system", help: "The system service instead of the user service" },
      { flag: "print", help: "Only print the unit" },
    ],
    settings: allSettings,
    actions: ["install", "uninstall", "status"],
    maxWords: 1,
    load: async () => (await import("./commands/service.ts")).service,
  },
  {
    name: "backup",
    summary: "Back up the store to a file, even while the gateway is running",
    usage: "FILE [--force] [options]",
    options: [{ flag: "force", help: "Overwrite an existing file" }],
    settings: ["dataDir"],
    maxWords: 1,
    load: async () => (await import("./commands/backup.ts")).backup,
  },
  {
    name: "restore",
    summary: "Restore a backup while no gateway is running",
    usage: "FILE [options]",
    options: [],
    settings: ["dataDir"],
    maxWords: 1,
    load: async () => (await import("./commands/backup.ts")).restore,
  },
  {
    name: "doctor",
    summary: "Check the configuration, files, store, port, model and MCP servers",
    usage: "[--json] [--skip NAMES] [options]",
    details: "Exit code: 1 if a check finds an error, else 0.",
    options: [
      json,
      { flag: "skip", value: "NAMES", help: "Checks to skip, separated by commas (mcp, llm)" },
    ],
    settings: allSettings,
    load: async () => (await import("./commands/doctor.ts")).doctor,
  },
  {
    name: "config",
    summary: "Print every setting, its value and its source",
    usage: "[--json] [options]",
    options: [json],
    settings: allSettings,
    load: async () => (await import("./commands/config.ts")).config,
  },
  {
    name: "completions",
    summary: "Print completions for a shell",
    usage: "bash|zsh|fish",
    details: `For bash, add to ~/.bashrc:  eval "$(clara-gateway completions bash)"
For zsh, add to ~/.zshrc:    eval "$(clara-gateway completions zsh)"
For fish, run:  clara-gateway completions fish > ~/.config/fish/completions/clara-gateway.fish`,
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

/** Finds a command by its name. */
export function findCommand(name: string): Command | undefined {
  return commands.find((command) => command.name === name);
}
