/**
 * A gateway inside the test's process, on a free port and in a temporary folder, with a scripted
 * LLM server. It uses default settings; nothing comes from the environment.
 */

import { join } from "node:path";
import {
  defaultValues,
  type GatewayConfig,
  type LlmConfig,
  type MemoryConfig,
  toGatewayConfig,
} from "../../src/config/gateway_config.ts";
import type { Limits } from "../../src/config/limits.ts";
import { EventBus, type EventName, type GatewayEvent } from "../../src/domain/events.ts";
import { Gateway } from "../../src/app/gateway.ts";
import { AdapterClient } from "./adapter/client.ts";
import type { ConnectOptions } from "./adapter/connect_options.ts";
import { LlmServer } from "./llm/server.ts";
import { AwaitableList } from "./awaitable_list.ts";
import { TempFolder } from "./process/temp_folder.ts";

/** What a test overrides in the default configuration. */
export type ConfigOverrides =
  & Partial<Omit<GatewayConfig, "limits" | "llm" | "memory" | "dataDir">>
  & {
    readonly limits?: Partial<Limits>;
    readonly llm?: Partial<LlmConfig>;
    readonly memory?: Partial<MemoryConfig>;
  };

/** Options of a {@linkcode TestGateway}. */
export interface TestGatewayOptions {
  /** A server that the test disposes of, or the echo model. Default: a new server. */
  readonly llm?: LlmServer | "echo";
  readonly config?: ConfigOverrides;
}

/** A running gateway. */
export class TestGateway implements AsyncDisposable {
  /** All events, across restarts. */
  readonly events = new AwaitableList<GatewayEvent>();
  readonly #folder = new TempFolder("clara_gateway_");
  readonly #bus = new EventBus();
  readonly #ownLlm?: LlmServer;
  readonly #llm?: LlmServer;
  #config: GatewayConfig;
  #gateway?: Gateway;

  /** Starts a gateway; resolves when it listens. */
  static async start(options: TestGatewayOptions = {}): Promise<TestGateway> {
    const ownLlm = options.llm ? undefined : await LlmServer.start();
    const llm = options.llm === "echo" ? undefined : options.llm ?? ownLlm;
    const gateway = new TestGateway({ llm, ownLlm, config: options.config });
    try {
      await gateway.#start();
    } catch (error) {
      await gateway[Symbol.asyncDispose]();
      throw error;
    }
    return gateway;
  }

  private constructor(
    options: {
      readonly llm?: LlmServer;
      readonly ownLlm?: LlmServer;
      readonly config?: ConfigOverrides;
    },
  ) {
    this.#llm = options.llm;
    this.#ownLlm = options.ownLlm;
    this.#bus.subscribe((event) => this.events.add(event));
    this.#config = withOverrides(defaults(this.#folder.path, this.#llm), options.config ?? {});
  }

  /** The gateway itself. */
  get gateway(): Gateway {
    if (!this.#gateway) throw new Error("The gateway has not started");
    return this.#gateway;
  }

  /** Its scripted LLM server. */
  get llm(): LlmServer {
    if (!this.#llm) throw new Error("The echo model has no server");
    return this.#llm;
  }

  /** Where adapters connect, as ws://host:port. */
  get url(): string {
    return `ws://${this.gateway.address}`;
  }

  /** As http://host:port. */
  get httpUrl(): string {
    return `http://${this.gateway.address}`;
  }

  /** The folder of its store. */
  get dataDir(): string {
    return this.#folder.path;
  }

  /** Connects an adapter and registers it. */
  connect(options: Omit<ConnectOptions, "url"> = {}): Promise<AdapterClient> {
    return AdapterClient.connect({ ...options, url: this.url });
  }

  /** Connects an adapter without registering it. */
  connectRaw(options: Omit<ConnectOptions, "url"> = {}): Promise<AdapterClient> {
    return AdapterClient.connectRaw(this.url, options);
  }

  /** Resolves to the first event of this name about this request (or any), past or future. */
  waitFor(name: EventName, options: { readonly requestId?: string } = {}): Promise<GatewayEvent> {
    const { requestId } = options;
    return this.events.waitFor(({ name: found, data }) => {
      if (found !== name) return false;
      return requestId === undefined || "request_id" in data && data.request_id === requestId;
    }, { what: `the event ${name}` });
  }

  /** The response of GET /health. */
  async health(): Promise<Readonly<Record<string, unknown>>> {
    const response = await fetch(`${this.httpUrl}/health`);
    return await response.json();
  }

  /** Resolves when every finished reply is marked as delivered. */
  async allDelivered(): Promise<void> {
    for (;;) {
      const { store } = await this.health() as { readonly store: { readonly undelivered: number } };
      if (store.undelivered === 0) return;
    }
  }

  /** Stops it gracefully. */
  stop(): Promise<void> {
    return this.gateway.stop("test");
  }

  /** Stops it gracefully and starts another on the same folder, on a new port. */
  async restart(config: ConfigOverrides = {}): Promise<void> {
    await this.stop();
    this.#config = withOverrides(this.#config, config);
    await this.#start();
  }

  /** Stops the gateway and its LLM server, and removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Stop this first, so that a turn left hanging by a failed test ends.
    await this.#ownLlm?.[Symbol.asyncDispose]();
    await this.#gateway?.stop("disposed");
    await this.#folder[Symbol.asyncDispose]();
  }

  async #start(): Promise<void> {
    this.#gateway = await Gateway.start(this.#config, { events: this.#bus });
  }
}

function withOverrides(config: GatewayConfig, overrides: ConfigOverrides): GatewayConfig {
  return {
    ...config,
    ...overrides,
    limits: { ...config.limits, ...overrides.limits },
    llm: { ...config.llm, ...overrides.llm },
    memory: { ...config.memory, ...overrides.memory },
  };
}

/** The defaults of the settings, except for what a test must not share or wait for. */
function defaults(dataDir: string, llm: LlmServer | undefined): GatewayConfig {
  const values = {
    ...defaultValues(),
    port: 0,
    dataDir,
    modelsFile: join(dataDir, "models.yaml"),
    toolsFile: join(dataDir, "tools.yaml"),
    mcpFile: join(dataDir, "mcp.json"),
    secretsFile: join(dataDir, "secrets.yaml"),
    hooksDir: join(dataDir, "hooks"),
    schedulerDir: dataDir,
    ...(llm && { apiKey: "test-key", baseUrl: llm.url }),
    model: "test-model",
    // A memory would query the model after each turn and use up replies that are scripted for turns.
    memory: "off",
    collectMs: 0,
    // Tests send messages faster than people.
    userMessagesPerMinute: 1_000_000,
    adapterMessagesPerMinute: 1_000_000,
  } as const;
  return toGatewayConfig(values, {
    environment: () => undefined,
    childEnvironment: { PATH: Deno.env.get("PATH") ?? "", HOME: Deno.env.get("HOME") ?? "" },
  });
}
