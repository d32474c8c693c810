/** A web site on loopback. */

/** A running site. */
export interface WebSite extends AsyncDisposable {
  /** Such as `http://127.0.0.1:4711`. */
  readonly url: string;
  /** Address and port. */
  readonly address: string;
  readonly port: number;
  /** The requested paths, in order. */
  readonly requests: readonly string[];
}

/** Answers a request. `closing` resolves at the end; return it to never answer. */
export type Answer = (
  path: string,
  closing: Promise<Response>,
) => Response | Promise<Response>;

/** Starts a site. */
export function webSite(
  answer: Answer,
  { hostname = "127.0.0.1", port = 0 }: { readonly hostname?: string; readonly port?: number } = {},
): WebSite {
  const requests: string[] = [];
  const closing = Promise.withResolvers<Response>();
  const server = Deno.serve({ hostname, port, onListen: () => {} }, (request) => {
    const path = new URL(request.url).pathname;
    requests.push(path);
    return answer(path, closing.promise);
  });
  const address = `${server.addr.hostname}:${server.addr.port}`;
  return {
    url: `http://${address}`,
    address,
    port: server.addr.port,
    requests,
    [Symbol.asyncDispose]: () => {
      closing.resolve(new Response());
      return server.shutdown();
    },
  };
}

/** An HTML page. */
export function html(text: string): Response {
  return new Response(text, { headers: { "content-type": "text/html; charset=utf-8" } });
}

/** A redirect. */
export function redirect(location: string): Response {
  return new Response(null, { status: 302, headers: { location } });
}
