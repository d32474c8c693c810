/** From what a person names (a package, a command line, a URL) to an entry of the file of servers. */

import { ConfigError } from "../../lib/config_error.ts";

/** An entry of `mcpServers`, and the name that it gets if nobody gives one. */
export interface InstallSource {
  readonly name: string;
  readonly entry: Readonly<Record<string, unknown>>;
}

const packagePattern = /^(?:@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*(?:@[\w.-]+)?$/i;

/**
 * Reads a source: `https://…` is a server over HTTP, a single word is an npm package (run by npx), all
 * else a command line, with single and double quotes as a shell has them. No shell ever sees it.
 *
 * @throws {ConfigError} when it is none of these.
 */
export function sourceToEntry(source: string): InstallSource {
  const text = source.trim();
  if (/^https?:\/\//.test(text)) {
    if (!URL.canParse(text)) throw new ConfigError(`Cannot use URL ${JSON.stringify(text)}`);
    return { name: nameOf(new URL(text).hostname), entry: { url: text } };
  }
  const [command, ...args] = splitCommandLine(text);
  if (command === undefined) throw new ConfigError("Cannot install an MCP server from nothing");
  if (args.length === 0 && packagePattern.test(command)) {
    return { name: nameOf(command), entry: { command: "npx", args: ["-y", command] } };
  }
  return { name: nameOf(tellingWord(command, args)), entry: { command, args } };
}

const ofContainers =
  /^(?:-[evpuw]|--(?:env|env-file|volume|mount|publish|name|network|user|workdir))$/;

/** Programs that run what they are told to: words of their own, options of theirs that take a value. */
const runners = new Map<string, readonly [words: RegExp, valued: RegExp]>(Object.entries({
  npx: [/^$/, /^(?:-p|--package|-c|--call)$/],
  bunx: [/^$/, /^(?:-p|--package)$/],
  uvx: [/^$/, /^(?:--from|--with|-p|--python)$/],
  npm: [/^(?:exec|x)$/, /^(?:-p|--package)$/],
  pnpm: [/^(?:dlx|exec)$/, /^--package$/],
  yarn: [/^(?:dlx|exec)$/, /^(?:-p|--package)$/],
  pipx: [/^run$/, /^(?:--spec|--python)$/],
  uv: [/^(?:tool|run)$/, /^(?:--from|--with|-p|--python|--directory|--project)$/],
  bun: [/^(?:run|x)$/, /^$/],
  deno: [/^run$/, /^(?:-c|--config|--lock|--import-map)$/],
  node: [/^$/, /^(?:-r|--require|--import|--env-file)$/],
  python: [/^$/, /^$/],
  python3: [/^$/, /^$/],
  docker: [/^run$/, ofContainers],
  podman: [/^run$/, ofContainers],
}));

/** The word of a command line that says which server it is: the package, the script, the image. */
function tellingWord(command: string, args: readonly string[]): string {
  const runner = runners.get(command.split(/[/\\]/).at(-1)!.replace(/\.(?:exe|cmd)$/i, ""));
  if (!runner) return command;
  const [words, valued] = runner;
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (valued.test(arg)) at++;
    else if (!arg.startsWith("-") && !words.test(arg)) return arg;
  }
  return command;
}

/** Splits at spaces outside quotes. @throws {ConfigError} when a quote has no end. */
export function splitCommandLine(text: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (const character of text) {
    if (quote) {
      if (character === quote) quote = "";
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= "";
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + character;
  }
  if (quote) throw new ConfigError(`Cannot read command line: a ${quote} has no end`);
  if (word !== undefined) words.push(word);
  return words;
}

/** `@modelcontextprotocol/server-everything@1.0` is `everything`; `/usr/bin/my tool` is `my-tool`. */
function nameOf(text: string): string {
  const [last = ""] = text.replace(/^(?:npm|jsr):/, "").replace(/^@/, "").replace(/(.)@.*$/, "$1")
    .split(/[/\\]/).slice(-1);
  const bare = last
    .replace(/\.(?:js|mjs|ts|py|sh|exe)$|:[\w.-]+$/i, "")
    .replace(/^(?:mcp[-_])?server[-_]|[-_]mcp(?:[-_]server)?$|^mcp[-_]/g, "");
  return (bare || last).replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^[-_]+/, "").slice(0, 63) ||
    "server";
}
