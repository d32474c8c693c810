/** An MCP server over HTTP on loopback whose answers a test scripts, valid or not. */

/** A JSON-RPC request as the server received it. */
export interface RpcRequest {
  readonly id?: number;
  readonly method: string;
  readonly params?: {
    readonly name?: string;
    readonly cursor?: string;
    readonly protocolVersion?: string;
    readonly [key: string]: unknown;
  };
}

/** What a test returns for a request: a result, a whole response, or undefined for the default. */
export type RpcAnswer = object | null | undefined;

/** Options of {@linkcode ScriptedMcpServer.start}. */
export interface ScriptedServerOptions {
  /** Answers a request; the default is a server with one tool, `echo`. */
  readonly answer?: (rpc: RpcRequest) => RpcAnswer | Promise<RpcAnswer>;
  /** Answers other requests than POST. Default: status 405. */
  readonly get?: (request: Request) => Response | Promise<Response>;
  /** Checks a request before it is answered; a response ends it. */
  readonly guard?: (request: Request) => Response | undefined | Promise<Response | undefined>;
}

/** A tool without arguments. */
export function toolEntry(name: string, fields: object = {}): object {
  return { name, description: `The tool ${name}`, inputSchema: { type: "object" }, ...fields };
}

/** A result with one text. */
export function textResult(text: string): object {
  return { content: [{ type: "text", text }] };
}

/** A response with JSON or text as its body. */
export function respond(body: unknown, type = "application/json", status = 200): Response {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return new Response(text, { status, headers: { "content-type": type } });
}

export class ScriptedMcpServer implements AsyncDisposable {
  /** The requests so far. */
  readonly requests: RpcRequest[] = [];
  readonly url: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #abort = new AbortController();

  static start(options: ScriptedServerOptions = {}): ScriptedMcpServer {
    return new ScriptedMcpServer(options);
  }

  private constructor({ answer, get, guard }: ScriptedServerOptions) {
    const { signal } = this.#abort;
    const serve = async (request: Request): Promise<Response> => {
      const refusal = await guard?.(request);
      if (refusal) return refusal;
      if (request.method !== "POST") return get?.(request) ?? new Response("", { status: 405 });
      const rpc = await request.json() as RpcRequest;
      this.requests.push(rpc);
      const given = await answer?.(rpc);
      if (given instanceof Response) return given;
      if (rpc.id === undefined) return new Response(null, { status: 202 });
      const result = given === undefined ? defaultResult(rpc) : given;
      return respond({ jsonrpc: "2.0", id: rpc.id, result });
    };
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, signal, onListen() {} }, serve);
    this.url = `http://127.0.0.1:${this.#server.addr.port}/mcp`;
  }

  /** How often a method was called. */
  count(method: string): number {
    return this.requests.filter((request) => request.method === method).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#server.finished.catch(() => {});
  }
}

/** The answer to `initialize`. */
export function initializeResult({ params }: RpcRequest): object {
  return {
    protocolVersion: params?.protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "scripted", version: "1" },
  };
}

function defaultResult(rpc: RpcRequest): object {
  switch (rpc.method) {
    case "initialize":
      return initializeResult(rpc);
    case "tools/list":
      return { tools: [toolEntry("echo")] };
    case "tools/call":
      return textResult("echoed");
    default:
      return {};
  }
}
