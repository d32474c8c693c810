/** Sends one answer of the scripted LLM server. */

import type { HttpExchange } from "../http_exchange.ts";
import type { Reply } from "./reply.ts";
import { forever, unlessAborted, writeStream } from "./stream.ts";
import { type Completion, errorBody, wholeCompletion } from "./wire.ts";

/** Sends a whole answer; rejects if the client leaves first. */
export async function sendAnswer(
  reply: Reply,
  { completion, exchange }: {
    readonly completion: Completion;
    readonly exchange: HttpExchange;
  },
): Promise<void> {
  const { status = 200, headers, body = errorBody(status) } = reply;
  const signal = exchange.clientLeft;
  if (reply.hang === "before-headers") await unlessAborted(forever, signal);
  if (status === 200 && (completion.request.stream || reply.raw)) {
    exchange.start(200, { "content-type": "text/event-stream; charset=utf-8", ...headers });
    const write = (data: string | Uint8Array) => exchange.write(data);
    await writeStream({ completion, reply }, { write, signal });
    return reply.cut === "reset" ? await exchange.break() : await exchange.end();
  }
  if (reply.gate) await unlessAborted(reply.gate, signal);
  const content = status === 200 ? wholeCompletion(completion, reply) : body;
  await sendJson(exchange, { status, headers, body: content });
}

/** Sends a complete response: a string as is, anything else as JSON. */
export async function sendJson(
  exchange: HttpExchange,
  { status, headers, body }: {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body: unknown;
  },
): Promise<void> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  await exchange.send(status, { "content-type": "application/json", ...headers }, text);
}
