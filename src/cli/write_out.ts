/** Writes to standard output, all of it: one call may take less. Used by the commands. */

/** @throws {Deno.errors.BrokenPipe} when nobody reads any more. */
export function writeOut(text: string | Uint8Array): void {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}
