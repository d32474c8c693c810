/** The size limit of responses over HTTP, with a real server. */

import assert from "node:assert/strict";
import { cappedFetch } from "../../../src/tools/mcp/http_transport.ts";

const limit = 10_000;

/** Fetches a response made of these pieces, with the size limit. */
async function read(
  pieces: readonly string[],
  init: RequestInit = {},
): Promise<string> {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    const bytes = pieces.map((piece) => new TextEncoder().encode(piece));
    return new Response(ReadableStream.from(bytes));
  });
  const url = `http://127.0.0.1:${(server.addr as Deno.NetAddr).port}/`;
  const response = await cappedFetch(limit)(url, init);
  return await response.text();
}

Deno.test("a response within the limit is complete", async () => {
  assert.equal(await read(["a".repeat(limit)], { method: "POST" }), "a".repeat(limit));
});

Deno.test("a response over the limit fails, however it is split", async () => {
  const pieces = Array.from({ length: 11 }, () => `data: ${"a".repeat(990)}\n`);
  for (const method of ["POST", "GET"]) {
    await assert.rejects(read(pieces, { method }), /exceeds 10000 bytes/);
  }
});

Deno.test("a stream of many small events is not limited, with LF or CRLF", async () => {
  for (const end of ["\n\n", "\r\n\r\n"]) {
    const event = `data: ${"a".repeat(900)}${end}`;
    // Some splits are in the middle of a line end.
    const text = event.repeat(50);
    const pieces = Array.from({ length: 100 }, (_, index) => {
      const size = Math.ceil(text.length / 100);
      return text.slice(index * size, (index + 1) * size);
    });
    assert.equal(await read(pieces), text);
  }
});
