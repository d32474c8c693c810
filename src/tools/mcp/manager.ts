/**
 * All MCP servers: those of the file, started in the background and changed at run time, each change
 * kept in the file. A source of tools for the registry; the server and the command line manage it.
 */

import { ConfigError } from "../../lib/config_error.ts";
import { errorText } from "../../lib/error_text.ts";
import { logger } from "../../logging/log.ts";
import { waitAtMost } from "../../lib/wait.ts";
import type { Tool } from "../tool.ts";
import { sourceToEntry } from "./install_source.ts";
import { McpConfigFile } from "./config_file.ts";
import { McpServer, type McpServerOptions } from "./server.ts";

const log = logger("tools", "mcp");

/** How long the first turns wait for the servers that start with the gateway. */
const readyWaitMs = 5_000;
/** Characters of one server's instructions that the model is shown. */
const maxInstructionChars = 2_000;

/** What an {@linkcode McpManager} is given. */
export interface McpManagerOptions extends
  Pick<
    McpServerOptions,
    "environment" | "childEnvironment" | "maxMessageBytes" | "callTimeoutMs"
  > {
  /** The file of servers. */
  readonly path: string;
}

export class McpManager implements AsyncDisposable {
  readonly #options: McpManagerOptions;
  readonly #file: McpConfigFile;
  readonly #servers = new Map<string, McpServer>();
  /** Changes, one after the other. */
  #changes: Promise<unknown> = Promise.resolve();
  #ready: Promise<void> = Promise.resolve();
  #closed = false;

  /** @throws {ConfigError} when the file is wrong. */
  constructor(options: McpManagerOptions) {
    this.#options = options;
    this.#file = new McpConfigFile(options.path);
    for (const name of this.#file.read().keys()) this.#load(name);
  }

  /** Starts all servers in the background. */
  start(): void {
    const servers = this.servers();
    if (servers.length === 0) return;
    const started = Promise.all(servers.map((server) => server.start()));
    this.#ready = waitAtMost(started, readyWaitMs);
  }

  /** Resolves when the servers that started with the gateway are there, or after a few seconds. */
  ready(): Promise<void> {
    return this.#ready;
  }

  /** All servers, in the order of the file. */
  servers(): readonly McpServer[] {
    return [...this.#servers.values()];
  }

  /** @throws {ConfigError} where there is none of this name. */
  server(name: string): McpServer {
    const server = this.#servers.get(name);
    if (server) return server;
    const known = [...this.#servers.keys()].join(", ") || "none";
    throw new ConfigError(`There is no MCP server "${name}"; there are: ${known}`);
  }

  /** The tools of all servers. */
  *tools(): Iterable<Tool> {
    for (const server of this.#servers.values()) yield* server.tools;
  }

  /** What the servers that run say about their use, for the model. */
  instructions(): readonly string[] {
    return this.servers()
      .filter(({ state, instructions }) => state === "running" && instructions)
      .map(({ name, instructions }) =>
        `Tools ${name}__*: ${instructions!.slice(0, maxInstructionChars)}`
      );
  }

  /**
   * Adds a server and starts it; one that does not start is not kept.
   *
   * @param source an npm package, a command line, or a URL.
   * @throws {ConfigError} when the source or the name cannot be used, or the server does not start.
   */
  install(source: string, name?: string): Promise<McpServer> {
    return this.#change(async () => {
      const { name: ownName, entry } = sourceToEntry(source);
      // The environment holds the gateway's own keys; its operator alone may hand them on.
      if (JSON.stringify(entry).includes("${")) {
        throw new ConfigError('Cannot use "${…}" here: write such an entry into the file itself');
      }
      const serverName = name ?? ownName;
      if (this.#servers.has(serverName)) {
        throw new ConfigError(`There is an MCP server "${serverName}" already`);
      }
      this.#file.write(serverName, entry);
      const server = this.#load(serverName);
      await server.start();
      if (server.state === "running") return server;
      await this.#forget(server);
      throw new ConfigError(`MCP server "${serverName}" does not start: ${server.lastError}`);
    });
  }

  /** Stops a server and forgets it. @throws {ConfigError} where there is none. */
  uninstall(name: string): Promise<void> {
    return this.#change(async () => await this.#forget(this.server(name)));
  }

  /** Stops a server and starts it again. @throws {ConfigError} where there is none. */
  restart(name: string): Promise<McpServer> {
    return this.#change(async () => {
      await this.server(name)[Symbol.asyncDispose]();
      const server = this.#load(name);
      await server.start();
      return server;
    });
  }

  /** Switches a server on or off. @throws {ConfigError} where there is none. */
  enable(name: string, enabled: boolean): Promise<McpServer> {
    return this.#change(async () => {
      const old = this.server(name);
      this.#file.change(name, { enabled, disabled: undefined });
      await old[Symbol.asyncDispose]();
      const server = this.#load(name);
      await server.start();
      return server;
    });
  }

  /** Stops all servers. */
  async [Symbol.asyncDispose](): Promise<void> {
    // A change that is going on ends with its server: it may be waiting for its start.
    this.#closed = true;
    await this.#stopServers();
    await this.#changes;
    await this.#stopServers();
  }

  async #stopServers(): Promise<void> {
    await Promise.all(
      this.servers().map((server) =>
        server[Symbol.asyncDispose]().catch((error) =>
          log.warn("MCP server {server} did not stop in order: {error}", {
            server: server.name,
            error: errorText(error),
          })
        )
      ),
    );
  }

  async #forget(server: McpServer): Promise<void> {
    this.#file.write(server.name, undefined);
    this.#servers.delete(server.name);
    await server[Symbol.asyncDispose]();
  }

  /** Makes a server of what the file says about it, in place of one that was there. */
  #load(name: string): McpServer {
    if (this.#closed) throw new ConfigError("The gateway is about to stop");
    const config = this.#file.read().get(name);
    if (!config) throw new ConfigError(`${this.#file.path} has no server "${name}" any more`);
    const server = new McpServer({ ...this.#options, name, config });
    this.#servers.set(name, server);
    return server;
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#changes.then(() => {
      if (this.#closed) throw new ConfigError("The gateway is about to stop");
      return change();
    });
    this.#changes = result.catch(() => {});
    return result;
  }
}
