/** From what a person names (a package, a command line, a URL) to an entry of the file of servers. */

import { ConfigError } from "../../errors.ts";

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
  const telling = args.findLast((arg) => packagePattern.test(arg) && !arg.startsWith("-"));
  return { name: nameOf(telling ?? command), entry: { command, args } };
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
  const [last = ""] = text.replace(/^@/, "").replace(/(.)@.*$/, "$1").split(/[/\\]/).slice(-1);
  const bare = last
    .replace(/\.(?:js|mjs|py|sh|exe)$/i, "")
    .replace(/^(?:mcp-)?server-|-mcp(?:-server)?$|^mcp-/g, "");
  return (bare || last).replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^[-_]+/, "").slice(0, 63) ||
    "server";
}
