/**
 * The reference MCP servers from npm: entries for `mcp.json`, and server-everything listening on a
 * port. They are installed once per version, in `dist/test`.
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { within } from "../deadline.ts";

const version = "2026.8.31";
const names = ["everything", "filesystem", "memory"] as const;
const folder = fileURLToPath(new URL(`../../../dist/test/mcp-servers-${version}`, import.meta.url));

let installation: Promise<void> | undefined;

/** Installs the servers unless they are installed; concurrent calls and processes are fine. */
export function installNpmServers(): Promise<void> {
  return installation ??= install();
}

async function install(): Promise<void> {
  if (await Deno.stat(folder).then(() => true, () => false)) return;
  const parent = join(folder, "..");
  await Deno.mkdir(parent, { recursive: true });
  const draft = await Deno.makeTempDir({ dir: parent, prefix: "installing-" });
  const { success, stderr } = await new Deno.Command("npm", {
    args: ["install", "--no-audit", "--no-fund", "--prefix", draft, ...names.map(packageOf)],
    stdin: "null",
  }).output();
  if (!success) {
    await Deno.remove(draft, { recursive: true });
    throw new Error(`Cannot install the MCP servers: ${new TextDecoder().decode(stderr)}`);
  }
  // Another process may have finished first.
  await Deno.rename(draft, folder).catch(() => Deno.remove(draft, { recursive: true }));
}

/** The `mcp.json` entry of a server over stdio; call {@linkcode installNpmServers} first. */
export function npmServer(
  name: typeof names[number],
  args: readonly string[] = [],
  fields: object = {},
): object {
  return { command: programOf(name), args, ...fields };
}

/** The npm package of a server with its version, as `npx` and `mcp add` take it. */
export function packageOf(name: string): string {
  return `@modelcontextprotocol/server-${name}@${version}`;
}

function programOf(name: typeof names[number]): string {
  return join(folder, "node_modules", ".bin", `mcp-server-${name}`);
}

/** server-everything over HTTP. Disposing kills it. */
export class EverythingServer implements AsyncDisposable {
  readonly url: string;
  readonly #child: Deno.ChildProcess;
  readonly #log: Promise<void>;

  /** Installs and starts it; resolves when it listens. */
  static async start(
    transport: "streamableHttp" | "sse",
    port: number = freePort(),
  ): Promise<EverythingServer> {
    await installNpmServers();
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
    this.#child = new Deno.Command(programOf("everything"), {
      args: [transport],
      env: { PORT: String(port) },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#log = this.#read(onListens);
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has exited.
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
