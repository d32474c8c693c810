/** Reads `hooks.yaml`. Pure: a wrong file is told with file, line and key. */

import { dirname, resolve } from "node:path";
import * as z from "zod";
import * as fields from "../command/fields.ts";
import { eventNames } from "../../domain/events.ts";
import { parseYaml } from "../../lib/yaml.ts";
import type { EventPattern, Hook } from "./hook.ts";
import { isEventPattern } from "./hook_match.ts";

const eventPattern = z.string().refine(
  isEventPattern,
  `expected "*", some such as "tool:*", or one of ${eventNames.join(", ")}`,
).transform((text) => text as EventPattern);

/** The fields of every hook, whatever it does. Times are seconds. */
export const hookFields = {
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
  /** As the Python system's files have it. */
  type: z.literal("shell").optional(),
});

/** What the file may hold. */
export const hooksFileSchema = z.strictObject({
  hooks: z.array(entry).nullish().transform((hooks) => hooks ?? []).superRefine(
    fields.assertUniqueNames,
  ),
});

/**
 * Parses the text of a `hooks.yaml`; relative working folders count from the file's own.
 *
 * @param path names the file in errors.
 * @throws {ConfigError} with file, line, key and what was expected.
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
