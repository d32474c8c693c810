/**
 * The configuration file of the MCP servers, in the common `mcpServers` format. It is written when
 * servers are added, removed, enabled or disabled; unknown keys are kept.
 */

import * as z from "zod";
import { ConfigError } from "../../lib/config_error.ts";
import { maxTimerSeconds } from "../../lib/wait.ts";

/** Names that can be prefixes of tool names. */
export const serverName = z.string().regex(
  /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/,
  "expected letters, digits, - and _ (at most 63)",
);

const seconds = z.number().positive().max(maxTimerSeconds);
const entry = z.looseObject({
  command: z.string().min(1).optional(),
  args: z.array(z.string()).default([]),
  env: z.record(z.string(), z.string()).default({}),
  cwd: z.string().optional(),
  url: z.string().min(1).optional(),
  /** The transport for `url`. Default: streamable HTTP, with SSE as the fallback. */
  type: z.enum(["stdio", "http", "streamable-http", "streamableHttp", "sse"]).optional(),
  headers: z.record(z.string(), z.string()).default({}),
  /** For servers with OAuth that do not register clients themselves. */
  oauth: z.looseObject({
    clientId: z.string().min(1).optional(),
    clientSecret: z.string().min(1).optional(),
    /** Default: the scopes that the server asks for. */
    scope: z.string().optional(),
    /** The port of the redirect, if it had to be registered. Default: any free port. */
    redirectPort: z.number().int().min(1).max(65_535).optional(),
  }).optional(),
  enabled: z.boolean().default(true),
  /** Other programs write this instead of `enabled`. */
  disabled: z.boolean().default(false),
  /** Names of the tools to offer; `*` matches any characters. Default: all. */
  allowedTools: z.array(z.string()).optional(),
  /** Time limit of a call. */
  timeoutSeconds: seconds.optional(),
  /** Time limit for the answer to `initialize`. */
  startTimeoutSeconds: seconds.default(60),
}).refine(({ command, url }) => (command === undefined) !== (url === undefined), {
  message: 'expected either "command" or "url"',
}).transform(({ disabled, ...config }) => ({ ...config, enabled: config.enabled && !disabled }));

/** The configuration of one server, with defaults. */
export type McpServerConfig = z.output<typeof entry>;

const file = z.looseObject({
  // Names are validated with their entries, for a better error.
  mcpServers: z.record(z.string(), z.unknown()).default({}),
});

export class McpConfigFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Reads the servers; no file means no servers.
   *
   * @throws {ConfigError} with file, key and what was expected.
   */
  read(): ReadonlyMap<string, McpServerConfig> {
    const { mcpServers } = this.#parse();
    return new Map(
      Object.entries(mcpServers).map(([name, value]) => [name, this.#entry(name, value)]),
    );
  }

  /**
   * Sets or (with undefined) removes a server. The file is replaced atomically.
   *
   * @throws {ConfigError} if the entry is invalid or the file cannot be written.
   */
  write(name: string, value: Readonly<Record<string, unknown>> | undefined): void {
    const content = this.#parse();
    if (value === undefined) delete content.mcpServers[name];
    else {
      this.#entry(name, value);
      content.mcpServers[name] = value;
    }
    const temporary = `${this.path}.${crypto.randomUUID()}.tmp`;
    try {
      Deno.writeTextFileSync(temporary, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
      Deno.renameSync(temporary, this.path);
    } catch (error) {
      throw new ConfigError(`Cannot write ${this.path}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  /** Sets some fields of a server. @throws {ConfigError} if it does not exist. */
  change(name: string, fields: Readonly<Record<string, unknown>>): void {
    const found = this.#parse().mcpServers[name];
    if (found === undefined) throw new ConfigError(`There is no MCP server "${name}"`);
    this.write(name, { ...found as Record<string, unknown>, ...fields });
  }

  #parse(): { mcpServers: Record<string, unknown> } {
    let text: string;
    try {
      text = Deno.readTextFileSync(this.path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return { mcpServers: {} };
      throw new ConfigError(`Cannot read ${this.path}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (error) {
      throw new ConfigError(`Cannot read ${this.path}: ${(error as Error).message}`);
    }
    const result = file.safeParse(json);
    if (!result.success) throw this.#invalid([], result.error);
    return result.data as { mcpServers: Record<string, unknown> };
  }

  #entry(name: string, value: unknown): McpServerConfig {
    const named = serverName.safeParse(name);
    if (!named.success) throw this.#invalid(["mcpServers", name], named.error);
    const result = entry.safeParse(value);
    if (!result.success) throw this.#invalid(["mcpServers", name], result.error);
    return result.data;
  }

  #invalid(prefix: readonly string[], error: z.ZodError): ConfigError {
    const [{ path, message }] = error.issues as [z.core.$ZodIssue];
    const key = [...prefix, ...path].join(".");
    return new ConfigError(
      `Cannot use ${this.path}: "${key}": ${message.replace(/^Invalid input: /, "")}`,
    );
  }
}
