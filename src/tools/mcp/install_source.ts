/** Turns an install source (npm package, command line or URL) into an entry of the configuration file. */

import { ConfigError } from "../../lib/config_error.ts";

/** An entry of `mcpServers` and its default name. */
export interface InstallSource {
  readonly name: string;
  readonly entry: Readonly<Record<string, unknown>>;
}

const packagePattern = /^(?:@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*(?:@[\w.-]+)?$/i;

/** Sources that look installable and are not: what they are, and what to give instead. */
const unsupported: readonly (readonly [pattern: RegExp, what: string, instead: string])[] = [
  [
    /^@?smithery[:/]/i,
    "Smithery's registry",
    "the server's npm package or URL from its page there",
  ],
  [
    /^(?:git\+|git@|git:|ssh:|(?:github|gitlab|bitbucket):)|^https?:\/\/(?:www\.)?(?:github\.com|gitlab\.com|bitbucket\.org|codeberg\.org)\/|^https?:\/\/\S+\.git$/i,
    "a repository",
    'its npm package, or a command line such as "npx -y github:owner/name" or "uvx --from git+URL name"',
  ],
  [
    /^[\w-][\w.-]*\/[\w.-]+$/,
    "a repository",
    'its npm package, or a command line such as "npx -y github:owner/name"; a program\'s path begins with ./ or /',
  ],
];

/**
 * Parses a source: a URL is a server over HTTP, a single word an npm package (run by npx), anything
 * else a command line with single and double quotes. It is never passed to a shell.
 *
 * @throws {ConfigError} if it is none of these.
 */
export function sourceToEntry(source: string): InstallSource {
  const text = source.trim();
  for (const [pattern, what, instead] of unsupported) {
    if (!pattern.test(text)) continue;
    throw new ConfigError(`Cannot install from ${what} (${JSON.stringify(text)}). Use ${instead}.`);
  }
  if (/^https?:\/\//.test(text)) {
    if (!URL.canParse(text)) throw new ConfigError(`Cannot use URL ${JSON.stringify(text)}`);
    return { name: nameOf(new URL(text).hostname), entry: { url: text } };
  }
  const [command, ...args] = splitCommandLine(text);
  if (command === undefined) {
    throw new ConfigError("Cannot install an MCP server: the source is empty");
  }
  if (args.length === 0 && packagePattern.test(command)) {
    return { name: nameOf(command), entry: { command: "npx", args: ["-y", command] } };
  }
  return { name: nameOf(namingWord(command, args)), entry: { command, args } };
}

const containerOptions =
  /^(?:-[evpuw]|--(?:env|env-file|volume|mount|publish|name|network|user|workdir))$/;

/** Programs that run other programs: their subcommands, and their options that take a value. */
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
  docker: [/^run$/, containerOptions],
  podman: [/^run$/, containerOptions],
}));

/** The word of a command line that identifies the server: the package, script or image. */
function namingWord(command: string, args: readonly string[]): string {
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

/** Splits at spaces outside quotes. @throws {ConfigError} if a quote is not closed. */
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
  if (quote) throw new ConfigError(`Cannot parse command line: the quote ${quote} is not closed`);
  if (word !== undefined) words.push(word);
  return words;
}

/** Such as `everything` for `@modelcontextprotocol/server-everything@1.0`. */
function nameOf(text: string): string {
  const [last = ""] = text.replace(/^(?:npm|jsr):/, "").replace(/^@/, "").replace(/(.)@.*$/, "$1")
    .split(/[/\\]/).slice(-1);
  const bare = last
    .replace(/\.(?:js|mjs|ts|py|sh|exe)$|:[\w.-]+$/i, "")
    .replace(/^(?:mcp[-_])?server[-_]|[-_]mcp(?:[-_]server)?$|^mcp[-_]/g, "");
  return (bare || last).replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^[-_]+/, "").slice(0, 63) ||
    "server";
}
