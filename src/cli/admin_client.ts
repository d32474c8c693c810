/** Asks a running gateway over its admin interface. Used by commands that look into one. */

import { type Flags, readChatConfig } from "../config.ts";
import { errorText } from "../errors.ts";
import { NotRunningError } from "./gateway_client.ts";

/** Longest time of a request: a task may run for long. */
const timeoutMs = 3_600_000;

/** An answer's body. */
export type AdminAnswer = Readonly<Record<string, unknown>>;

/** What is asked. */
export interface AdminRequest {
  /** The path under `/admin`. */
  readonly path: string;
  /** With one it is a POST, unless `method` says otherwise. */
  readonly body?: unknown;
  readonly method?: "GET" | "POST" | "DELETE";
}

/**
 * Asks for a path under `/admin`.
 *
 * @throws {NotRunningError} when no gateway is there; {@linkcode Error} with its words when it refuses.
 */
export async function askAdmin(flags: Flags, request: AdminRequest): Promise<AdminAnswer> {
  return parse(await askAdminText(flags, request));
}

/** As {@linkcode askAdmin}, but gives the answer's text as it is. */
export async function askAdminText(
  flags: Flags,
  { path, body, method = body === undefined ? "GET" : "POST" }: AdminRequest,
): Promise<string> {
  const { url, secret } = readChatConfig(flags);
  const base = new URL(url.replace(/^ws/, "http"));
  const target = new URL(`/admin${path}`, base);
  let response: Response;
  try {
    response = await fetch(target, {
      method,
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
  return await answerOf(response);
}

/** The text of an answer. @throws {Error} with its words where it is a refusal. */
export async function answerOf(response: Response): Promise<string> {
  const text = await response.text();
  if (response.ok) return text;
  throw new Error(String(parse(text).error ?? `The gateway answered ${response.status}`));
}

function parse(text: string): AdminAnswer {
  try {
    return JSON.parse(text);
  } catch {
    return { error: `Something else than a gateway answered: ${text.slice(0, 200)}` };
  }
}
