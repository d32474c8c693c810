/** Parses `hooks.yaml`, and the hooks that plugins define. */

import { dirname, resolve } from "node:path";
import * as z from "zod";
import * as fields from "../command/fields.ts";
import { eventNames } from "../../domain/events.ts";
import { parseYaml } from "../../lib/yaml.ts";
import { type EventPattern, type Hook, type HookAction, isEventPattern } from "./hook.ts";

const eventPattern = z.string().refine(
  isEventPattern,
  `expected "*", a pattern such as "tool:*", or one of ${eventNames.join(", ")}`,
).transform((text) => text as EventPattern);

/** The fields of every hook. Durations are in seconds. */
const hookFields = {
  name: fields.name,
  event: eventPattern,
  timeout: fields.seconds.default(30),
  enabled: z.boolean().default(true),
  description: z.string().default(""),
  priority: z.number().int().default(0),
  when: z.strictObject({
    platform: fields.words.optional(),
    channel: fields.words.optional(),
    user: fields.words.optional(),
    tool: fields.words.optional(),
  }).default({}),
} as const;

const entry = z.strictObject({
  ...hookFields,
  command: fields.command,
  working_dir: z.string().min(1).optional(),
  env: fields.env.default({}),
  /** Accepted because files of the Python system have it. */
  type: z.literal("shell").optional(),
});

const pluginHook = z.strictObject({ ...hookFields, name: z.string().min(1).max(300) });

/** The content of the file. */
export const hooksFileSchema = z.strictObject({
  hooks: z.array(entry).nullish().transform((hooks) => hooks ?? []).superRefine(
    fields.assertUniqueNames,
  ),
});

/**
 * Parses a `hooks.yaml`. Relative working directories start at the file's folder.
 *
 * @param path names the file in errors.
 * @throws {ConfigError} with file, line, key and the expected value.
 */
export async function parseHooksFile(text: string, path: string): Promise<readonly Hook[]> {
  const folder = dirname(resolve(path));
  const { hooks } = await parseYaml(text, { schema: hooksFileSchema, path });
  return hooks.map(({ command, working_dir, env, timeout, type: _, ...hook }) => ({
    ...hook,
    timeoutMs: timeout * 1000,
    action: { type: "command", command, env, workingDir: resolve(folder, working_dir ?? ".") },
  }));
}

/** Checks a plugin's hook. @throws {Error} with the field and the expected value. */
export function readPluginHook(
  definition: unknown,
  run: Extract<HookAction, { type: "function" }>["run"],
): Hook {
  const result = pluginHook.safeParse(definition);
  if (!result.success) {
    throw new Error(`Cannot add hook: ${fields.definitionProblem(result.error)}`);
  }
  if (typeof run !== "function") throw new Error("Cannot add hook: expected a function");
  const { timeout, ...hook } = result.data;
  return { ...hook, timeoutMs: timeout * 1000, action: { type: "function", run } };
}
