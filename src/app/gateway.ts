/** The only wiring: makes every part, hands each what it needs, starts and stops them in order. */

import { AdminGate } from "../access/admin_gate.ts";
import type { Authenticator } from "../access/authenticator.ts";
import { MessageRates } from "../access/message_rates.ts";
import { RegistrationRates } from "../access/registration_rates.ts";
import { Secrets } from "../access/secrets.ts";
import { Automation } from "./automation.ts";
import type { GatewayConfig } from "../config/gateway_config.ts";
import { Pipeline } from "./pipeline.ts";
import { EventBus } from "../domain/events.ts";
import type { HttpApps } from "./http.ts";
import type { ModelCatalog } from "../llm/catalog.ts";
import { longestSilenceMs } from "../turn/longest_silence.ts";
import { readModels } from "../llm/models_file.ts";
import { logger } from "../logging/log.ts";
import { Liveness } from "./liveness.ts";
import { PromptSubmitter } from "../automation/scheduler/prompt.ts";
import { AdapterRegistry } from "../server/registry.ts";
import { Listener } from "../server/listener.ts";
import { SessionPersister } from "../server/session_persister.ts";
import { assertSecretForPublicHost, readPersona } from "./preflight.ts";
import { SqliteStore } from "../store/sqlite/store.ts";
import type { Store } from "../store/store.ts";
import { ToolPolicy } from "../tools/policy.ts";
import { ToolRegistry } from "../tools/registry.ts";
import { readToolsFile } from "../tools/tools_file.ts";
import { version } from "../config/version.ts";

const log = logger("app");

/** What a turn may take beside models and tools, for a watchdog: memory, MCP servers that start, the store. */
const otherWorkMs = 120_000;

/** What must be there before anything is wired: it can be missing or wrong. */
interface Foundations {
  readonly store: Store;
  readonly persona: string;
  readonly policy: ToolPolicy;
  readonly models?: ModelCatalog;
  readonly events: EventBus;
  readonly secrets: Secrets;
}

/** A running gateway. */
export class Gateway implements AsyncDisposable {
  readonly events: EventBus;
  /** Whether it gets on; for a watchdog. */
  readonly progress: Liveness;
  readonly #config: GatewayConfig;
  readonly #store: Store;
  readonly #engine: Pipeline;
  readonly #hub: AdapterRegistry;
  readonly #keeper: SessionPersister;
  readonly #automation: Automation;
  readonly #server: Listener;
  readonly #secrets: Secrets;
  readonly #startedAt = Date.now();
  #announced = false;
  #stopped?: Promise<void>;

  /**
   * Starts a gateway: opens the store, then the port, then takes up what an earlier run left.
   *
   * @throws {ConfigError | StoreError | ListenError} when it may not or cannot.
   */
  static async start(
    config: GatewayConfig,
    options: { readonly events?: EventBus } = {},
  ): Promise<Gateway> {
    const secrets = await Secrets.load(config);
    assertSecretForPublicHost(config, secrets.authenticator);
    const persona = readPersona(config);
    const rules = await readToolsFile(config.toolsFile);
    if (rules.length > 0) {
      log.info("Rules for tools: {count}, from {path}", {
        count: rules.length,
        path: config.toolsFile,
      });
    }
    const policy = new ToolPolicy(rules);
    const models = await readModels(config);
    const store = SqliteStore.open(config.dataDir, { sync: config.storeSync });
    const { events = new EventBus() } = options;
    let gateway: Gateway;
    try {
      gateway = new Gateway(config, { store, persona, policy, models, events, secrets });
    } catch (error) {
      await store[Symbol.asyncDispose]();
      throw error;
    }
    try {
      await gateway.#start();
      return gateway;
    } catch (error) {
      await gateway.stop("it could not start");
      throw error;
    }
  }

  private constructor(config: GatewayConfig, foundations: Foundations) {
    const { store, events, secrets } = foundations;
    this.#secrets = secrets;
    this.#keeper = new SessionPersister({ store: store.frames });
    const hub = new AdapterRegistry({ events, resumeMs: config.resumeMs, persister: this.#keeper });
    const registry = new ToolRegistry();
    this.#config = config;
    this.#store = store;
    this.#hub = hub;
    this.events = events;
    this.#automation = new Automation({
      config,
      store,
      events,
      registry,
      prompts: { submit: (prompt) => prompts.submit(prompt) },
    });
    const { reminders } = this.#automation;
    this.#engine = new Pipeline(config, {
      ...foundations,
      outlet: hub,
      forgetFrames: (platform) => hub.forgetFrames(platform),
      reminders,
      registry,
    });
    const prompts = new PromptSubmitter({
      intake: this.#engine.intake,
      sessions: store.sessions,
      connected: (platform) => hub.connectedNodes(platform),
    });
    const { models } = foundations;
    const silenceMs = otherWorkMs + longestSilenceMs({ ...config, ...config.limits, models });
    this.progress = new Liveness({ store, router: this.#engine.router, events, silenceMs });
    this.#server = this.#openPort(hub);
  }

  /** The address that it listens on, such as `127.0.0.1:18789`. */
  get address(): string {
    return this.#server.address;
  }

  /** Reads the files of secrets, hooks and tasks again; gives what is wrong with them. */
  async reload(): Promise<readonly string[]> {
    const problem = await this.#secrets.reload();
    const others = await this.#automation.reload();
    return problem === undefined ? others : [problem, ...others];
  }

  /**
   * Stops: takes no more messages, tells the adapters, lets running turns finish within the drain
   * time and puts the others back, closes sockets and store. A second call waits for the first.
   */
  stop(reason: string): Promise<void> {
    return this.#stopped ??= this.#stop(reason);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop("disposed");
  }

  #openPort(hub: AdapterRegistry): Listener {
    const { limits, host, port, allowedOrigins } = this.#config;
    const { intake, replies, approvals, mcp } = this.#engine;
    const { authenticator } = this.#secrets;
    return Listener.start({
      host,
      port,
      allowedOrigins,
      connections: limits.connections,
      sendBufferBytes: limits.sendBufferBytes,
      http: this.#http(hub, authenticator),
      authenticator,
      conversation: {
        registry: hub,
        intake,
        replies,
        approvals,
        mcp,
        authenticator,
        messageRates: new MessageRates(limits),
        registrationRates: new RegistrationRates(limits),
        figures: () => this.#serviceFigures(),
        frameBytes: limits.frameBytes,
        heartbeatMs: this.#config.heartbeatMs,
        registerTimeoutMs: this.#config.registerTimeoutMs,
      },
    });
  }

  #http(hub: AdapterRegistry, authenticator: Authenticator): HttpApps {
    const { hooks, scheduler } = this.#automation;
    const { llm, router, memory, sessions, eraser } = this.#engine;
    const { allowedOrigins } = this.#config;
    const gate = new AdminGate({ authenticator, allowedOrigins });
    const health = {
      llm,
      gate,
      store: this.#store,
      router,
      hub,
      hooks,
      scheduler,
      memory,
      uptimeSeconds: () => this.#uptimeSeconds(),
      stopping: () => this.#stopped !== undefined,
    };
    const admin = {
      gate,
      hooks,
      scheduler,
      runs: this.#store.runs,
      usage: this.#store.usage,
      memory,
      sessions: this.#store.sessions,
      history: this.#store.history,
      endSession: (id: string) => sessions.resetById(id),
      eraser,
      reload: () => this.reload(),
    };
    let side: Promise<HttpApps> | undefined;
    return async (request, address) => {
      side ??= import("./http.ts").then(({ httpApps }) => httpApps({ health, admin }));
      return (await side)(request, address);
    };
  }

  /** From the open port to the first answer: what must be there before anybody is let in. */
  async #start(): Promise<void> {
    await this.#automation.load();
    this.#engine.mcp.start();
    this.#announceStart();
    await this.#automation.start();
    await this.#hub.load();
    await this.#engine.start();
    this.#secrets.watch();
    this.#server.serve();
  }

  #announceStart(): void {
    const { address } = this;
    const { llm } = this.#engine;
    log.info("Clara gateway {version} listens on {address}", { version, address });
    if (llm.kind === "echo") {
      log.warn(
        "No model is configured (OPENAI_API_KEY, OPENAI_BASE_URL, models.yaml): the built-in echo model answers " +
          "every message with its own text",
      );
    } else {
      log.info("Model: {model}", { model: llm.modelOf("mid") });
    }
    this.#announced = true;
    this.events.emit("gateway:startup", { address, version });
  }

  async #stop(reason: string): Promise<void> {
    log.info("Stopping: {reason}", { reason });
    // One that did not come up has nothing to say of its end.
    if (this.#announced) this.events.emit("gateway:shutdown", { reason });
    const { drainMs } = this.#config;
    const tasks = this.#automation.stopTasks({ drainMs });
    this.#server.announceShutdown(reason);
    this.#hub.beginShutdown();
    await Promise.all([this.#engine.drain(), tasks, this.#secrets[Symbol.asyncDispose]()]);
    // When the sockets are closed nothing is sent or acknowledged any more.
    const closed = this.#server.stop().then(() => this.#keeper.stop());
    await Promise.all([closed, this.#engine.stop()]);
    // Last: until here things happened that hooks hear of.
    await this.#automation.stopHooks();
    await this.#store[Symbol.asyncDispose]();
    log.info("Stopped");
  }

  #serviceFigures() {
    const { active, queued } = this.#engine.router.load;
    return {
      active_requests: active,
      queue_length: queued,
      uptime_seconds: this.#uptimeSeconds(),
    };
  }

  #uptimeSeconds(): number {
    return Math.floor((Date.now() - this.#startedAt) / 1000);
  }
}
