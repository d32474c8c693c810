/** The fields that `hooks.yaml` and `scheduler.yaml` share, as zod schemas. */

import * as z from "zod";
import { maxTimerSeconds } from "../../lib/wait.ts";

/** The name of a hook or task: it is shown, typed and logged. */
export const name = z.string().regex(
  /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,99}$/u,
  "expected letters, digits, spaces and . _ - (at most 100)",
);

/** Variables of a command, by name. */
export const env = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "expected the name of a variable"),
  z.union([z.string(), z.number(), z.boolean()], "expected a text, a number, true or false")
    .transform(String),
);

/** A command's text. */
export const command = z.string().refine((text) => text.trim() !== "", "expected a command")
  .refine((text) => !text.includes("\0"), "expected text without NUL");

/** A time that a timer can wait. */
export const seconds = z.number().positive().max(maxTimerSeconds);

/** One word, or a list. */
export const words = z.union(
  [z.string(), z.array(z.string())],
  "expected a text or a list of texts; numbers in quotes",
)
  .transform((value) => typeof value === "string" ? [value] : value);

/** A name says which hook or task is meant: there is one of each. */
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
      message: `expected another name: "${name}" is number ${first + 1} already`,
    });
  });
}
