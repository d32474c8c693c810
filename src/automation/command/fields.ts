/** Zod schemas of the fields that `hooks.yaml` and `scheduler.yaml` share. */

import * as z from "zod";
import { maxTimerSeconds } from "../../lib/wait.ts";

/** The name of a hook or task, as shown in lists and logs and typed in commands. */
export const name = z.string().regex(
  /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,99}$/u,
  "expected letters, digits, spaces and . _ - (at most 100)",
);

/** A command's own variables, by name. */
export const env = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "expected the name of a variable"),
  z.union([z.string(), z.number(), z.boolean()], "expected a text, a number, true or false")
    .transform(String),
);

/** A command for `sh -c`. */
export const command = z.string().refine((text) => text.trim() !== "", "expected a command")
  .refine((text) => !text.includes("\0"), "expected text without NUL");

/** A duration that fits into a timer. */
export const seconds = z.number().positive().max(maxTimerSeconds);

/** One word, or a list of words. */
export const words = z.union(
  [z.string(), z.array(z.string())],
  "expected a text or a list of texts; numbers in quotes",
)
  .transform((value) => typeof value === "string" ? [value] : value);

/** Rejects two entries of the same name. */
export function assertUniqueNames(
  entries: readonly { readonly name: string }[],
  context: z.core.$RefinementCtx,
): void {
  entries.forEach(({ name }, index) => {
    const first = entries.findIndex((other) => other.name === name);
    if (first === index) return;
    context.addIssue({
      code: "custom",
      path: [index, "name"],
      message: `expected a unique name: entry ${first + 1} is also called "${name}"`,
    });
  });
}

/** Says what is wrong with the definition of a plugin's hook or task, as `"field": problem`. */
export function definitionProblem({ issues }: z.ZodError): string {
  const [{ path, message }] = issues as [z.core.$ZodIssue];
  const field = path.length > 0 ? `"${path.join(".")}": ` : "";
  return field + message.replace(/^Invalid input: /, "");
}
