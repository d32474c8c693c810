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
  const { isMap, isScalar, LineCounter, parseDocument, visit } = await import("./yaml_library.ts");
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [broken] = document.errors;
  if (broken) {
    const { line } = lines.linePos(broken.pos[0]);
    throw new ConfigError(`Cannot read ${path}:${line}: ${broken.message.split("\n")[0]}`);
  }
  // "0042", "+49" and "1e3" are ids more often than numbers: they stay as written until a number is expected.
  const numbers = new Map<unknown, number>();
  visit(document, {
    Scalar(_, node) {
      const { value, source } = node;
      if (typeof value !== "number" || source === undefined || String(value) === source) return;
      numbers.set(node, value);
      node.value = source;
    },
  });
  let result = schema.safeParse(toValue());
  while (!result.success) {
    const { place } = problemOf(result.error);
    const node = document.getIn(place, true);
    const number = numbers.get(node);
    if (number === undefined || !isScalar(node)) break;
    numbers.delete(node);
    node.value = number;
    result = schema.safeParse(toValue());
  }
  if (result.success) return result.data;
  const { key, place, message } = problemOf(result.error);
  const node = document.getIn(place, true) ??
    document.getIn(place.slice(0, -1), true) ?? document.contents;
  const range = (node as { readonly range?: readonly [number, ...number[]] } | null)?.range;
  const offset = range?.[0] ?? 0;
  const where = `${path}:${lines.linePos(offset).line}`;
  const name = key.length > 0
    ? `"${key.join(".")}": `
    : isMap(document.contents)
    ? ""
    : "the file: ";
  throw new ConfigError(`Cannot use ${where}: ${name}${message.replace(/^Invalid input: /, "")}`);

  function toValue(): unknown {
    try {
      return document.toJS() ?? {};
    } catch (error) {
      // An alias without an anchor, or too many aliases.
      throw new ConfigError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** Whether a YAML text says nothing: it is empty, or has only comments. */
export function isEmptyYaml(text: string): boolean {
  return text.split("\n").every((line) =>
    /^\s*(?:#|$)/.test(line) || /^(?:---|\.\.\.)\s*$/.test(line)
  );
}

/** The first problem: its key, its place in the file, and a message. */
function problemOf({ issues }: z.ZodError) {
  const [issue] = issues as [z.core.$ZodIssue];
  const { path: key, message } = issue;
  const place = key.filter((part) => typeof part !== "symbol");
  switch (issue.code) {
    case "unrecognized_keys":
      return { key, place: [...place, issue.keys[0]!], message };
    case "invalid_key":
      return { key, place, message: issue.issues[0]?.message ?? message };
    default:
      return { key, place, message };
  }
}
