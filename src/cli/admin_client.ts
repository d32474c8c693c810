/** Asks a running gateway over its admin interface. Used by commands that look into one. */

import type { Flags } from "../config.ts";
import { errorText } from "../errors.ts";
import { NotRunningError } from "./gateway_client.ts";
import { gatewayPlace } from "./gateway_place.ts";

/** Longest time of a request: a task may run for long. */
const timeoutMs = 3_600_000;

/** An answer's body. */
export type AdminAnswer = Readonly<Record<string, unknown>>;

/**
 * Asks for a path under `/admin`; with a body it is a POST.
 *
 * @throws {NotRunningError} when no gateway is there; {@linkcode Error} with its words when it refuses.
 */
export async function askAdmin(
  flags: Flags,
  { path, body }: { readonly path: string; readonly body?: unknown },
): Promise<AdminAnswer> {
  const { url, secret } = await gatewayPlace(flags);
  const base = new URL(url.replace(/^ws/, "http"));
  const target = new URL(`/admin${path}`, base);
  let response: Response;
  try {
    response = await fetch(target, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        ...(secret && { authorization: `Bearer ${secret}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    const message = `No gateway runs at ${base.host}`;
    throw new NotRunningError(`${message} (${errorText(error)})`, { cause: error });
  }
  const text = await response.text();
  const answer = parse(text);
  if (response.ok) return answer;
  throw new Error(String(answer.error ?? `The gateway answered ${response.status}`));
}

function parse(text: string): AdminAnswer {
  try {
    return JSON.parse(text);
  } catch {
    return { error: `Something else than a gateway answered: ${text.slice(0, 200)}` };
  }
}
