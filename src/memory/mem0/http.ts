/** Requests to mem0's REST API, hosted or self-hosted: time, errors, JSON. Used by the mem0 memory. */

import { errorText } from "../../lib/error_text.ts";
import { cappedText } from "../../lib/bytes.ts";
import { MemoryError } from "../port.ts";
import { Deadline } from "../../lib/deadline.ts";

/** Characters of an error's body that are logged. */
const maxErrorChars = 200;

/** What a {@linkcode Mem0Http} is given. */
export interface Mem0HttpOptions {
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Longest time of one request, milliseconds. */
  readonly timeoutMs: number;
}

/** A request; `what` says what it is for, as in "search". */
export interface Mem0Request {
  readonly what: string;
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

export class Mem0Http {
  readonly #options: Mem0HttpOptions;

  constructor(options: Mem0HttpOptions) {
    this.#options = options;
  }

  /** The answer's JSON; `undefined` for a 404. @throws {MemoryError} for all else that is no success. */
  async send({ what, method, path, query = {}, body, signal }: Mem0Request): Promise<unknown> {
    const { baseUrl, headers, timeoutMs } = this.#options;
    const url = new URL(baseUrl.replace(/\/+$/, "") + path);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    using deadline = new Deadline({ ms: timeoutMs, signal });
    let response: Response | undefined;
    let text: string;
    try {
      response = await fetch(url, {
        method,
        headers: {
          ...headers,
          accept: "application/json",
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        // The key and what users said are for the named server alone.
        redirect: "error",
        signal: deadline.signal,
      });
      text = await cappedText(response);
    } catch (error) {
      const late = deadline.signal.aborted ? deadline.signal.reason as Error : undefined;
      const why = late?.message ?? (response ? "no answer that can be read" : "no connection");
      throw new MemoryError(`Cannot ${what} mem0: ${why}`, {
        passing: true,
        // Deno tells the whole address, and in that there are users.
        cause: new Error(errorText(error).replace(/ for url \([^)]*\)/, "")),
      });
    }
    if (response.status === 404) return undefined;
    if (!response.ok) throw refusal(what, response.status, text);
    return parse(what, text);
  }
}

/** A key that is wrong may be put right; other requests that are refused would be refused again. */
function refusal(what: string, status: number, text: string): MemoryError {
  const passing = status >= 500 || [401, 402, 403, 408, 425, 429].includes(status);
  const hint = status === 401 || status === 403 ? "; look at MEM0_API_KEY" : "";
  const words = text.replace(/\s+/g, " ").trim().slice(0, maxErrorChars);
  return new MemoryError(`Cannot ${what} mem0: it answered ${status}${hint}`, {
    passing,
    ...(words && { cause: new Error(words) }),
  });
}

function parse(what: string, text: string): unknown {
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MemoryError(`Cannot ${what} mem0: its answer is no JSON`, {
      passing: true,
      cause: error,
    });
  }
}
