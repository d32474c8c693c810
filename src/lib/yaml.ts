/** Reads YAML configuration files. Errors name the file, line and key, and what was expected. */

import type * as z from "zod";
import { ConfigError } from "./config_error.ts";

/** Options of {@linkcode parseYaml}. */
export interface YamlFileOptions<Schema extends z.ZodType> {
  readonly schema: Schema;
  /** Names the file in errors. */
  readonly path: string;
}

/**
 * Parses the text of a YAML file and validates it. An empty file counts as `{}`.
 *
 * @throws {ConfigError} with file, line, key and what was expected.
 */
export async function parseYaml<Schema extends z.ZodType>(
  text: string,
  { schema, path }: YamlFileOptions<Schema>,
): Promise<z.output<Schema>> {
  const { isMap, LineCounter, parseDocument } = await import("./yaml_library.ts");
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [broken] = document.errors;
  if (broken) {
    const { line } = lines.linePos(broken.pos[0]);
    throw new ConfigError(`Cannot read ${path}:${line}: ${broken.message.split("\n")[0]}`);
  }
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    // An alias without an anchor, or too many aliases.
    throw new ConfigError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data;
  const { key, place, message } = problemOf(result.error);
  const node = document.getIn(place.filter((part) => typeof part !== "symbol"), true) ??
    document.getIn(place.slice(0, -1) as (string | number)[], true) ?? document.contents;
  const offset = (node as { readonly range?: readonly [number, ...number[]] }).range?.[0] ?? 0;
  const where = `${path}:${lines.linePos(offset).line}`;
  const name = key.length > 0
    ? `"${key.join(".")}": `
    : isMap(document.contents)
    ? ""
    : "the file: ";
  throw new ConfigError(`Cannot use ${where}: ${name}${message.replace(/^Invalid input: /, "")}`);
}

/** The first problem: its key, its place in the file, and a message. */
function problemOf({ issues }: z.ZodError) {
  const [issue] = issues as [z.core.$ZodIssue];
  const { path: key, message } = issue;
  switch (issue.code) {
    case "unrecognized_keys":
      return { key, place: [...key, issue.keys[0]!], message };
    case "invalid_key":
      return { key, place: key, message: issue.issues[0]?.message ?? message };
    default:
      return { key, place: key, message };
  }
}

/** The text of a file; undefined if it does not exist. @throws {ConfigError} if it cannot be read. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new ConfigError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}
