/** Validates values from outside with a schema, and says in words what is wrong with them. */

import type * as z from "zod";

/** A valid value, or what is wrong with it. */
export type Parsed<T> = { readonly value: T } | { readonly problem: string };

/** Validates a value. The problem names each invalid field and what was expected. */
export function parseWith<Schema extends z.ZodType>(
  schema: Schema,
  json: unknown,
): Parsed<z.output<Schema>> {
  const result = schema.safeParse(json);
  if (result.success) return { value: result.data };
  const problems = result.error.issues.map(({ path, message }) =>
    path.length > 0 ? `"${path.join(".")}": ${message}` : message
  );
  return { problem: problems.join("; ") };
}
