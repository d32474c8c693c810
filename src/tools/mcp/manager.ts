/**
 * Manages all MCP servers: starts those of the configuration file in the background, provides their
 * tools, and saves changes made at run time to the file.
 */

import { join } from "node:path";
import type { GatewayConfig } from "../../config/gateway_config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { errorText } from "../../lib/error_text.ts";
import { logger } from "../../logging/log.ts";
import { expandVariables } from "../../lib/variables.ts";
import { waitAtMost } from "../../lib/wait.ts";
import type { Tool } from "../tool.ts";
import { McpConfigFile } from "./config_file.ts";
import { httpEndpoint } from "./http_transport.ts";
import { sourceToEntry } from "./install_source.ts";
import { logIn, type LoginOptions } from "./login.ts";
import { OAuthStore } from "./oauth.ts";
import { McpServer, type McpServerOptions } from "./server.ts";

const log = logger("tools", "mcp");

/** Characters of a server's instructions that the model is shown. */
const maxInstructionChars = 2_000;

/** Options of an {@linkcode McpManager}. */
export interface McpManagerOptions extends
  Pick<
    McpServerOptions,
    "environment" | "childEnvironment" | "maxMessageBytes" | "callTimeoutMs"
  > {
  /** The configuration file. */
  readonly path: string;
  /** The folder for the logins to servers that are protected by OAuth; created on first use. */
  readonly loginFolder: string;
  /** How long the first turns wait for the servers to start, milliseconds. Default: 5000. */
  readonly readyWaitMs?: number;
}

export class McpManager implements AsyncDisposable {
  readonly #options: McpManagerOptions;
  readonly #file: McpConfigFile;
  readonly #logins: OAuthStore;
  readonly #servers = new Map<string, McpServer>();
  /** The last change; changes are serialized. */
  #changes: Promise<unknown> = Promise.resolve();
  #ready: Promise<void> = Promise.resolve();
  #closed = false;

  /** Creates the manager of a gateway. @throws {ConfigError} if the file is invalid. */
  static fromConfig(config: GatewayConfig): McpManager {
    return new McpManager({
      path: config.mcpFile,
      loginFolder: join(config.dataDir, "mcp_logins"),
      environment: config.environment,
      childEnvironment: config.childEnvironment,
      maxMessageBytes: config.limits.mcpMessageBytes,
      callTimeoutMs: config.toolTimeoutMs,
    });
  }

  /** @throws {ConfigError} if the file is invalid. */
  constructor(options: McpManagerOptions) {
    this.#options = options;
    this.#file = new McpConfigFile(options.path);
    this.#logins = new OAuthStore(options.loginFolder);
    for (const name of this.#file.read().keys()) this.#load(name);
  }

  /** Starts all servers in the background. */
  start(): void {
    const servers = this.servers();
    if (servers.length === 0) return;
    const started = Promise.all(servers.map((server) => server.start()));
    this.#ready = waitAtMost(started, this.#options.readyWaitMs ?? 5_000);
  }

  /** Resolves when the servers have started, or after a few seconds. */
  ready(): Promise<void> {
    return this.#ready;
  }

  /** All servers, in the order of the file. */
  servers(): readonly McpServer[] {
    return [...this.#servers.values()];
  }

  /** Returns a server. @throws {ConfigError} if there is none with this name. */
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

  /** The instructions of the running servers, for the model. */
  instructions(): readonly string[] {
    return this.servers()
      .filter(({ state, instructions }) => state === "running" && instructions)
      .map(({ name, instructions }) =>
        `Tools ${name}__*: ${instructions!.slice(0, maxInstructionChars)}`
      );
  }

  /**
   * Adds a server and starts it. If it does not start, it is removed again.
   *
   * @param source an npm package, a command line or a URL.
   * @throws {ConfigError} if the source or name is invalid, or the server does not start.
   */
  install(source: string, name?: string): Promise<McpServer> {
    return this.#change(async () => {
      const { name: ownName, entry } = sourceToEntry(source);
      // The environment contains the gateway's keys; only its operator may pass them on.
      if (JSON.stringify(entry).includes("${")) {
        throw new ConfigError('Cannot use "${…}" here: write such an entry into the file itself');
      }
      const serverName = name ?? ownName;
      if (this.#servers.has(serverName)) {
        throw new ConfigError(`There is already an MCP server "${serverName}"`);
      }
      this.#file.write(serverName, entry);
      const server = this.#load(serverName);
      await server.start();
      // It is added, since only then can somebody log in.
      if (server.state === "running" || server.state === "login_required") return server;
      await this.#remove(server);
      throw new ConfigError(`MCP server "${serverName}" does not start: ${server.lastError}`);
    });
  }

  /** Stops and removes a server. @throws {ConfigError} if it does not exist. */
  uninstall(name: string): Promise<void> {
    return this.#change(async () => await this.#remove(this.server(name)));
  }

  /** Restarts a server. @throws {ConfigError} if it does not exist. */
  restart(name: string): Promise<McpServer> {
    return this.#change(async () => {
      await this.server(name)[Symbol.asyncDispose]();
      const server = this.#load(name);
      await server.start();
      return server;
    });
  }

  /** Enables or disables a server. @throws {ConfigError} if it does not exist. */
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

  /**
   * Logs in to a server that is protected by OAuth, and stores the tokens. A running server uses them
   * after a restart.
   *
   * @throws {ConfigError} if there is no such server, or it is not reached over HTTP.
   * @throws {Error} if the login fails.
   */
  async logIn(
    name: string,
    options: Pick<LoginOptions, "openPage" | "timeoutMs" | "signal">,
  ): Promise<void> {
    const { config } = this.server(name);
    if (config.url === undefined) {
      throw new ConfigError(
        `MCP server "${name}" is a program; a login is only for servers with a URL`,
      );
    }
    const { environment } = this.#options;
    const endpoint = httpEndpoint(config, environment);
    const { clientSecret } = config.oauth ?? {};
    const secret = clientSecret === undefined ? {} : {
      clientSecret: expandVariables(clientSecret, environment),
    };
    const oauth = config.oauth && { ...config.oauth, ...secret };
    const scope = this.#logins.read(name, endpoint.url.href)?.scope;
    this.#logins.write(name, await logIn({ ...endpoint, ...options, oauth, scope }));
  }

  /** Deletes the login to a server; false if there is none. @throws {ConfigError} if there is no such server. */
  logOut(name: string): boolean {
    return this.#logins.remove(this.server(name).name);
  }

  /** Stops all servers. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Stopping the servers ends a change that waits for one to start.
    this.#closed = true;
    await this.#stopServers();
    await this.#changes;
    await this.#stopServers();
  }

  async #stopServers(): Promise<void> {
    await Promise.all(
      this.servers().map((server) =>
        server[Symbol.asyncDispose]().catch((error) =>
          log.warn("MCP server {server} did not stop cleanly: {error}", {
            server: server.name,
            error: errorText(error),
          })
        )
      ),
    );
  }

  async #remove(server: McpServer): Promise<void> {
    this.#file.write(server.name, undefined);
    this.#logins.remove(server.name);
    this.#servers.delete(server.name);
    await server[Symbol.asyncDispose]();
  }

  /** Creates a server from its entry in the file; replaces an earlier one. */
  #load(name: string): McpServer {
    if (this.#closed) throw new ConfigError("The gateway is stopping");
    const config = this.#file.read().get(name);
    if (!config) throw new ConfigError(`${this.#file.path} no longer has a server "${name}"`);
    const server = new McpServer({ ...this.#options, logins: this.#logins, name, config });
    this.#servers.set(name, server);
    return server;
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#changes.then(() => {
      if (this.#closed) throw new ConfigError("The gateway is stopping");
      return change();
    });
    this.#changes = result.catch(() => {});
    return result;
  }
}
