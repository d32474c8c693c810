/** The command `completions`: completions for a shell, generated from the table of commands. */

import { type Command, type Option, optionsOf } from "./command.ts";

const program = "clara-gateway";

/** Prints the completions for a shell. */
export function completions(shell: string, commands: readonly Command[]): Promise<number> {
  const scripts: Readonly<Record<string, (all: readonly CompletedCommand[]) => string>> = {
    bash,
    zsh,
    fish,
  };
  const names = commands.map(({ name }) => name);
  const all = [...commands, helpCommand].map((command) => ({
    name: command.name,
    summary: command.summary,
    options: [...optionsOf(command).filter(({ hidden }) => !hidden), help],
    words: command === helpCommand ? names : command.actions ?? command.words ?? [],
  }));
  console.log(scripts[shell]!(all));
  return Promise.resolve(0);
}

/** What completions need to know about a command. */
interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly Option[];
  /** The words that may follow its name. */
  readonly words: readonly string[];
}

const help: Option = { flag: "help", short: "h", help: "Print the help" };

const helpCommand: Command = {
  name: "help",
  summary: "Print the help of a command",
  usage: "COMMAND",
  options: [],
  settings: [],
  load: () => Promise.reject(new Error("help has no implementation of its own")),
};

/** Whether the value of an option is a file or a folder. */
function takesPath({ flag, value }: Option): boolean {
  return value !== undefined && /file|dir|config/.test(flag);
}

function bash(all: readonly CompletedCommand[]): string {
  const cases = all.map(({ name, options, words }) => {
    const flags = options.map(({ flag }) => `--${flag}`);
    return `    ${name}) words="${[...words, ...flags].join(" ")}" ;;`;
  });
  const options = all.flatMap((command) => command.options);
  const paths = new Set(options.filter(takesPath).map(({ flag }) => `--${flag}`));
  const values = new Set(options.filter(({ value }) => value).map(({ flag }) => `--${flag}`));
  const plain = [...values.difference(paths)];
  return `# bash completions of ${program}
_clara_gateway() {
  local word command words current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  case "$previous" in
    ${[...paths].join("|")}) COMPREPLY=($(compgen -f -- "$current")); return ;;
    ${plain.join("|")}) return ;;
  esac
  command=run words="${all.map(({ name }) => name).join(" ")} --help --version"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
      ${all.map(({ name }) => name).join("|")}) command="$word" words=""; break ;;
    esac
  done
  [ -n "$words" ] || case "$command" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _clara_gateway ${program}`;
}

function zsh(all: readonly CompletedCommand[]): string {
  const cases = all.map(({ name, options, words }) => {
    const specs = [
      ...options.flatMap(zshOption),
      ...(words.length > 0 ? [`'1:what:(${words.join(" ")})'`] : []),
    ];
    return `    ${name}) _arguments ${specs.join(" ")} ;;`;
  });
  const list = all.map(({ name, summary }) => `    '${name}:${zshText(summary)}'`);
  return `#compdef ${program}
_clara_gateway() {
  local -a commands=(
${list.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    _arguments ${zshOption(help).join(" ")} '--version[Print the version]'
    return
  fi
  local command=\${words[2]}
  shift words; (( CURRENT-- ))
  case $command in
${cases.join("\n")}
  esac
}
compdef _clara_gateway ${program}`;
}

function zshOption(option: Option): readonly string[] {
  const { flag, short, value, help } = option;
  const rest = `[${zshText(help)}]${value ? `:${flag}:${takesPath(option) ? "_files" : ""}` : ""}`;
  return [`'--${flag}${value ? "=" : ""}${rest}'`, ...(short ? [`'-${short}${rest}'`] : [])];
}

function zshText(text: string): string {
  return text.replaceAll("'", "’").replace(/[[\]:]/g, "\\$&");
}

function fish(all: readonly CompletedCommand[]): string {
  const text = (words: string) => `'${words.replace(/['\\]/g, "\\$&")}'`;
  const lines = all.flatMap(({ name, summary, options, words }) => {
    const seen = `-n '__fish_seen_subcommand_from ${name}'`;
    const first = `-n __fish_use_subcommand -a ${name} -d ${text(summary)}`;
    return [
      first,
      ...(words.length > 0 ? [`${seen} -a ${text(words.join(" "))}`] : []),
      ...options.map((option) => {
        const { flag, short, value, help } = option;
        const kind = value === undefined ? "" : takesPath(option) ? " -rF" : " -x";
        return `${seen} -l ${flag}${short ? ` -s ${short}` : ""}${kind} -d ${text(help)}`;
      }),
    ];
  });
  return [`# fish completions of ${program}`, `complete -c ${program} -f`]
    .concat(lines.map((line) => `complete -c ${program} ${line}`)).join("\n");
}
