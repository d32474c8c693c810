/** The errors of `errors.txt`: what providers send, and what it means. */

import { readChunk } from "../../../../src/llm/openai/chunk.ts";
import type { Meaning } from "../../../../src/llm/openai/failure_rules.ts";
import {
  errorInStream,
  errorOfResponse,
  type ProviderError,
} from "../../../../src/llm/openai/provider_error.ts";

/** What an error means, its HTTP status (undefined: inside a stream), and its body. */
export interface KnownError {
  readonly meaning: Meaning;
  readonly status?: number;
  readonly body: string;
}

/** The known errors by provider. */
export const providerErrors: Readonly<Record<string, readonly KnownError[]>> = readKnownErrors();

function readKnownErrors(): Record<string, KnownError[]> {
  const known: Record<string, KnownError[]> = {};
  let errors: KnownError[] = [];
  const text = Deno.readTextFileSync(new URL("errors.txt", import.meta.url));
  for (const line of text.trim().split("\n").slice(2)) {
    if (line.startsWith("# ")) known[line.slice(2)] = errors = [];
    const parts = /^(\w+) (\d{3}|stream) (.+)$/.exec(line);
    if (!parts) continue;
    const [, meaning, status, body] = parts;
    errors.push({
      meaning: meaning as Meaning,
      ...(status !== "stream" && { status: Number(status) }),
      body: body!,
    });
  }
  return known;
}

/** An error as the client reads it. */
export async function readError(
  { status, body }: Omit<KnownError, "meaning">,
): Promise<ProviderError> {
  if (status !== undefined) return await errorOfResponse(new Response(body, { status }));
  return errorInStream(readChunk(JSON.parse(`{"error":${body}}`)).error);
}
