/**
 * Reads `tools.yaml`: the policy of the tools. Pure but for the reading; a wrong file stops the start
 * with file, line and key.
 */

import * as z from "zod";
import { ConfigError } from "../errors.ts";
import { toolRisks } from "./tool.ts";
import { policyActions, type PolicyRule } from "./tool_policy.ts";

const words = z.union([z.string(), z.array(z.string())])
  .transform((value) => typeof value === "string" ? [value] : value);
const risk = z.enum(toolRisks);

const rule = z.strictObject({
  action: z.enum(policyActions),
  tools: words.optional(),
  risk: z.union([risk, z.array(risk)]).transform((value) => [value].flat()).optional(),
  platform: words.optional(),
  channel: words.optional(),
  user: words.optional(),
});

const schema = z.strictObject({ rules: z.array(rule).default([]) });

/**
 * Parses the text of a `tools.yaml`.
 *
 * @param path names the file in errors.
 * @throws {ConfigError} with file, line, key and what was expected.
 */
export async function parseToolsFile(
  text: string,
  path: string,
): Promise<readonly PolicyRule[]> {
  const { isMap, LineCounter, parseDocument } = await import("yaml");
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
    // An alias without an anchor, or too many of them.
    throw new ConfigError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  const result = schema.safeParse(value ?? {});
  if (result.success) return result.data.rules.map(toRule);
  const [{ path: key, message }] = result.error.issues as [z.core.$ZodIssue];
  const node = document.getIn(key.filter((part) => typeof part !== "symbol"), true) ??
    document.getIn(key.slice(0, -1) as (string | number)[], true) ?? document.contents;
  const offset = (node as { readonly range?: readonly [number, ...number[]] }).range?.[0] ?? 0;
  const where = `${path}:${lines.linePos(offset).line}`;
  const name = key.length > 0
    ? `"${key.join(".")}": `
    : isMap(document.contents)
    ? ""
    : "the file: ";
  throw new ConfigError(`Cannot use ${where}: ${name}${message.replace(/^Invalid input: /, "")}`);
}

/** Reads the file at `path`; no rules where there is none. @throws {ConfigError} as above. */
export async function readToolsFile(path: string): Promise<readonly PolicyRule[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw new ConfigError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  return await parseToolsFile(text, path);
}

function toRule(parsed: z.output<typeof rule>): PolicyRule {
  const { action, tools, risk: risks, platform, channel, user } = parsed;
  return { action, tools, risks, platforms: platform, channels: channel, users: user };
}
