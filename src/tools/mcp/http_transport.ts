/** A fetch with a size limit, for MCP servers over HTTP. */

/**
 * Creates a fetch that limits responses to POST to `maxBytes`, and each event of a stream opened by
 * GET, which may stay open indefinitely.
 */
export function cappedFetch(
  maxBytes: number,
): (input: string | URL, init?: RequestInit) => Promise<Response> {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (!response.body) return response;
    const perEvent = (init?.method ?? "GET") === "GET";
    const body = response.body.pipeThrough(capped(maxBytes, { perEvent }));
    const { status, statusText, headers } = response;
    return new Response(body, { status, statusText, headers });
  };
}

function capped(
  maxBytes: number,
  { perEvent }: { readonly perEvent: boolean },
): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  let size = 0;
  let tail: Uint8Array = new Uint8Array();
  return new TransformStream({
    transform(bytes, controller) {
      size += bytes.length;
      if (perEvent) {
        const end = endOfLastEvent(bytes, tail);
        if (end >= 0) size = bytes.length - end;
        tail = bytes.slice(-3);
      }
      if (size > maxBytes) {
        controller.error(new Error(`the server's response exceeds ${maxBytes} bytes`));
      } else controller.enqueue(bytes);
    },
  });
}

/** The end of the last event (an empty line) in a chunk; -1 if no event ends in it. */
function endOfLastEvent(bytes: Uint8Array, tail: Uint8Array): number {
  const decoder = new TextDecoder("latin1");
  const text = decoder.decode(tail) + decoder.decode(bytes);
  const ends = ["\n\n", "\r\n\r\n"].map((mark) => {
    const at = text.lastIndexOf(mark);
    return at < 0 ? -1 : at + mark.length;
  });
  const end = Math.max(...ends);
  return end < 0 ? -1 : Math.max(end - tail.length, 0);
}
