/** Reads what a plugin says of a hook of its own: the fields of the file, and a function. */

import * as z from "zod";
import type { Hook, HookAction } from "./hook.ts";
import { hookFields } from "./hooks_file.ts";

const definition = z.strictObject({ ...hookFields, name: z.string().min(1).max(300) });

/** Makes a hook. @throws {Error} with the field and what was expected. */
export function readPluginHook(
  options: unknown,
  run: Extract<HookAction, { type: "function" }>["run"],
): Hook {
  const result = definition.safeParse(options);
  if (!result.success) {
    const [{ path, message }] = result.error.issues as [z.core.$ZodIssue];
    const key = path.length > 0 ? `"${path.join(".")}": ` : "";
    throw new Error(`Cannot add hook: ${key}${message}`);
  }
  if (typeof run !== "function") throw new Error("Cannot add hook: expected a function");
  const { timeout, ...hook } = result.data;
  return { ...hook, timeoutMs: timeout * 1000, action: { type: "function", run } };
}
