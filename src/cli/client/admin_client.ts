/** Sends requests to the admin interface of a running gateway, or does without one. */

import type { GatewayConfig } from "../../config/gateway_config.ts";
import { errorText } from "../../lib/error_text.ts";
import { CommandError } from "../command.ts";
import { type GatewayLocation, NotRunningError, unreachable } from "./location.ts";

/** The time limit of a request: a task may run for a long time. */
const timeoutMs = 3_600_000;

/** A request to the admin interface. */
export interface AdminRequest {
  /** The path under `/admin`. */
  readonly path: string;
  /** With a body the method is POST, unless `method` says otherwise. */
  readonly body?: unknown;
  readonly method?: "GET" | "POST" | "DELETE";
}

/** The JSON object in an answer. */
export type AdminAnswer = Readonly<Record<string, unknown>>;

/** The gateway refused a request; the message is the gateway's. */
export class AdminError extends CommandError {
  override readonly name = "AdminError";
}

/**
 * Its methods throw an {@linkcode UnreachableError} if the gateway must be there and does not respond, and
 * an {@linkcode AdminError} if it refuses.
 */
export class AdminClient {
  readonly #gateway: GatewayLocation;

  constructor(gateway: GatewayLocation) {
    this.#gateway = gateway;
  }

  /** Sends a request to the running gateway. @throws {NotRunningError} if none is running. */
  async query(request: AdminRequest): Promise<AdminAnswer> {
    return parseAnswer(await this.#send(request));
  }

  /** Sends a request to the running gateway; if none is running, returns what `offline` returns. */
  async queryOr(
    request: AdminRequest,
    offline: (config: GatewayConfig) => Promise<AdminAnswer>,
  ): Promise<AdminAnswer> {
    return await this.#ifRunning(
      () => this.query(request),
      () => offline(this.#gateway.localConfig()),
    );
  }

  /** Sends a request to the running gateway; if none is running, answers it from the store. */
  async queryGatewayOrStore(request: AdminRequest): Promise<AdminAnswer> {
    return parseAnswer(await this.textFromGatewayOrStore(request));
  }

  /** Like {@linkcode AdminClient.queryGatewayOrStore}, for an answer that is not JSON. */
  async textFromGatewayOrStore(request: AdminRequest): Promise<string> {
    return await this.#ifRunning(() => this.#send(request), async () => {
      const { answerFromStore } = await import("./store_admin.ts");
      const local = new Request(`http://localhost${request.path}`, requestInit(request));
      return await readAnswer(await answerFromStore(this.#gateway.localConfig(), local));
    });
  }

  async #ifRunning<T>(online: () => Promise<T>, offline: () => Promise<T>): Promise<T> {
    try {
      return await online();
    } catch (error) {
      if (!(error instanceof NotRunningError)) throw error;
      return await offline();
    }
  }

  async #send(request: AdminRequest): Promise<string> {
    const { url, secret } = this.#gateway;
    if (this.#gateway.absent) throw unreachable(this.#gateway);
    let response: Response;
    try {
      response = await fetch(adminUrl(url, request.path), {
        ...requestInit(request),
        headers: {
          ...(secret && { authorization: `Bearer ${toByteString(secret)}` }),
          ...(request.body !== undefined && { "content-type": "application/json" }),
        },
        signal: AbortSignal.timeout(timeoutMs),
      });
    } catch (error) {
      throw unreachable(this.#gateway, { why: errorText(error), cause: error });
    }
    return await readAnswer(response);
  }
}

/** The address of an admin route, behind the same path prefix as the WebSocket. */
function adminUrl(url: string, path: string): URL {
  const { origin, pathname } = new URL(url.replace(/^ws/, "http"));
  return new URL(`${origin}${pathname.replace(/\/(?:ws\/?)?$/, "")}/admin${path}`);
}

/** The method and the body of a request. */
function requestInit(
  { body, method = body === undefined ? "GET" : "POST" }: AdminRequest,
): { readonly method: string; readonly body?: string } {
  return { method, ...(body !== undefined && { body: JSON.stringify(body) }) };
}

async function readAnswer(response: Response): Promise<string> {
  const text = await response.text();
  if (response.ok) return text;
  const { problems, error = `The gateway answered ${response.status}` } = parseAnswer(text);
  throw new AdminError(Array.isArray(problems) ? problems.join("; ") : String(error));
}

function parseAnswer(text: string): AdminAnswer {
  try {
    const answer = JSON.parse(text);
    if (typeof answer === "object" && answer !== null && !Array.isArray(answer)) return answer;
  } catch {
    // Reported below.
  }
  throw new AdminError(`The server is not a Clara gateway; it answered: ${text.slice(0, 200)}`);
}

/** A header is a string of bytes. */
function toByteString(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}
