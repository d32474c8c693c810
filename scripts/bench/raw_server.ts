/**
 * What Deno can do without the gateway: a WebSocket that echoes every frame (`/echo`), or answers
 * each with the prepared frames of one reply (`/burst`). The baseline of the bench.
 */

import { chunksPerReply } from "./load.ts";

const frame = (type: string, content: string) =>
  JSON.stringify({ type, request_id: crypto.randomUUID(), content, done: false, seq: 1_000 });
const reply = [
  frame("response_start", ""),
  ...Array.from(
    { length: chunksPerReply },
    (_, number) => frame("response_chunk", ` word-${number}`),
  ),
  frame("response_chunk", ""),
  frame("response_end", "word ".repeat(chunksPerReply)),
];

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onmessage = new URL(request.url).pathname === "/echo"
    ? ({ data }) => socket.send(data)
    : () => reply.forEach((text) => socket.send(text));
  return response;
});
console.log(server.addr.port);
