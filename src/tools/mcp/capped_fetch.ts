/** A fetch that gives up on an answer that floods. Used for MCP servers over HTTP. */

/**
 * Makes a fetch whose answers to POST may have `maxBytes`; a stream that a GET opened may last as long
 * as it likes, but not bring more than that between two line ends.
 */
export function cappedFetch(
  maxBytes: number,
): (input: string | URL, init?: RequestInit) => Promise<Response> {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (!response.body) return response;
    const perLine = (init?.method ?? "GET") === "GET";
    const body = response.body.pipeThrough(capped(maxBytes, { perLine }));
    const { status, statusText, headers } = response;
    return new Response(body, { status, statusText, headers });
  };
}

function capped(
  maxBytes: number,
  { perLine }: { readonly perLine: boolean },
): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  let size = 0;
  return new TransformStream({
    transform(bytes, controller) {
      size += bytes.length;
      if (perLine && bytes.includes(10)) size = bytes.length - bytes.lastIndexOf(10);
      if (size > maxBytes) {
        controller.error(new Error(`the server's answer exceeds ${maxBytes} bytes`));
      } else controller.enqueue(bytes);
    },
  });
}
