/**
 * The MCP project's own servers, from npm: entries for `mcp.json`, and the one with everything as a
 * process that listens on a port. The first use downloads them, npx keeps them.
 */

import { within } from "../deadline.ts";

const version = "2026.8.31";

/** The entry of a server over stdio. */
export function npmServer(
  name: "everything" | "filesystem" | "memory",
  args: readonly string[] = [],
  fields: object = {},
): object {
  return { command: "npx", args: ["-y", packageOf(name), ...args], ...fields };
}

/** The package of a server, with its version. */
export function packageOf(name: string): string {
  return `@modelcontextprotocol/server-${name}@${version}`;
}

/** The server with everything, over HTTP. Disposing of it kills it. */
export class EverythingServer implements AsyncDisposable {
  readonly url: string;
  readonly #child: Deno.ChildProcess;
  readonly #log: Promise<void>;

  /** Starts it; resolves when it listens. */
  static async start(
    transport: "streamableHttp" | "sse",
    port: number = freePort(),
  ): Promise<EverythingServer> {
    const listens = Promise.withResolvers<void>();
    const server = new EverythingServer(transport, port, listens.resolve);
    try {
      await within(listens.promise, { timeoutMs: 60_000, what: `server-everything ${transport}` });
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(transport: string, port: number, onListens: () => void) {
    this.url = `http://127.0.0.1:${port}/${transport === "sse" ? "sse" : "mcp"}`;
    this.#child = new Deno.Command("npx", {
      args: ["-y", packageOf("everything"), transport],
      env: { PORT: String(port) },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
      // A group of its own: npx runs the server as a child.
      detached: true,
    }).spawn();
    this.#log = this.#read(onListens);
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      Deno.kill(-this.#child.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#child.status;
    await this.#log;
  }

  async #read(onListens: () => void): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      if (/on port/.test(text)) onListens();
    }
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
