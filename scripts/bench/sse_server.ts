/**
 * An HTTP model that streams like OpenAI's API: twenty deltas, with pauses if the request's `model`
 * says so (`stream-5` pauses 5 ms). Each delta is the time at which it was written. A message that
 * is a time counts as sent then; GET /arrivals returns how long such messages took to arrive.
 */

import { chunksPerReply, now } from "./load.ts";

const encoder = new TextEncoder();
let arrivals: { readonly sentAt: number; readonly arrivedAt: number }[] = [];

const head = { id: "bench", object: "chat.completion.chunk", created: 0, model: "stream" };
const line = (fields: object) =>
  encoder.encode(`data: ${JSON.stringify({ ...head, ...fields })}\n\n`);
const delta = (content: string) =>
  line({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });

function answer(pauseMs: number): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream({
    async pull(controller) {
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      if (sent++ < chunksPerReply) return controller.enqueue(delta(`${now()} `));
      controller.enqueue(line({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }));
      const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
      controller.enqueue(line({ choices: [], usage }));
      controller.enqueue(encoder.encode("data: [DONE]\n\n"));
      controller.close();
    },
  }, { highWaterMark: 0 });
}

const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: () => {} },
  async (request) => {
    const arrivedAt = now();
    if (request.method === "GET") {
      const told = arrivals;
      arrivals = [];
      return Response.json(told);
    }
    const { model, messages } = await request.json();
    const sentAt = Number(messages.at(-1).content);
    if (sentAt > 0) arrivals.push({ sentAt, arrivedAt });
    const pauseMs = Number(/-(\d+)$/.exec(model)?.[1] ?? 0);
    return new Response(answer(pauseMs), { headers: { "content-type": "text/event-stream" } });
  },
);
console.log(server.addr.port);
