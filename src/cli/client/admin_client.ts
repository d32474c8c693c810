/** Asks a running gateway over its admin interface. Used by commands that look into one. */

import type { Flags } from "../../config/config.ts";
import { errorText } from "../../lib/error_text.ts";
import { locateGateway, notReached, NotRunningError, UnreachableError } from "./locator.ts";
import { oneLine } from "../output.ts";

/** Longest time of a request: a task may run for long. */
const timeoutMs = 3_600_000;

/** An answer's body. */
export type AdminAnswer = Readonly<Record<string, unknown>>;

/** What the gateway refuses, in its words. */
export class AdminError extends Error {
  override readonly name = "AdminError";
}

/** Runs a command that asks; a refusal is said in a line, and exit code 1. */
export async function sayRefusal(command: () => Promise<number>): Promise<number> {
  try {
    return await command();
  } catch (error) {
    const told = error instanceof AdminError || error instanceof NotRunningError ||
      error instanceof UnreachableError;
    if (!told) throw error;
    console.error(oneLine(error.message));
    return 1;
  }
}

/**
 * What the running gateway says; where none runs, what can be found without one. Where one should be and
 * is not reached the error stands: what is here is not what it has.
 */
export async function ifRunning<T>(ask: () => Promise<T>, otherwise: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof NotRunningError)) throw error;
    return await otherwise();
  }
}

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
 * @throws {NotRunningError | UnreachableError} when no gateway is there; {@linkcode AdminError} when it
 * refuses.
 */
export async function askAdmin(flags: Flags, request: AdminRequest): Promise<AdminAnswer> {
  return parseAnswer(await askAdminText(flags, request));
}

/** As {@linkcode askAdmin}, but gives the answer's text as it is. */
export async function askAdminText(
  flags: Flags,
  { path, body, method = body === undefined ? "GET" : "POST" }: AdminRequest,
): Promise<string> {
  const place = await locateGateway(flags);
  const { url, secret } = place;
  const target = new URL(`/admin${path}`, url.replace(/^ws/, "http"));
  let response: Response;
  try {
    response = await fetch(target, {
      method,
      headers: {
        ...(secret && { authorization: `Bearer ${asBytes(secret)}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    throw notReached(place, { why: errorText(error), cause: error });
  }
  return await answerOf(response);
}

/** The text of an answer. @throws {AdminError} with its words where it is a refusal. */
export async function answerOf(response: Response): Promise<string> {
  const text = await response.text();
  if (response.ok) return text;
  const { problems, error = `The gateway answered ${response.status}` } = parseAnswer(text);
  throw new AdminError(Array.isArray(problems) ? problems.join("; ") : String(error));
}

/** An answer's JSON. @throws {AdminError} where it is not the gateway's. */
export function parseAnswer(text: string): AdminAnswer {
  try {
    const answer = JSON.parse(text);
    if (typeof answer === "object" && answer !== null && !Array.isArray(answer)) return answer;
  } catch {
    // Told below.
  }
  throw new AdminError(`Something else than a gateway answered: ${text.slice(0, 200)}`);
}

/** A header holds bytes, each given as a character. */
function asBytes(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}
