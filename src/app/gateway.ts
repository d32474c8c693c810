/** The wiring: creates every part, passes each what it needs, starts and stops them in order. */

import { AdminGate } from "../access/admin_gate.ts";
import { MessageRates, RegistrationRates } from "../access/rates.ts";
import type { Secrets } from "../access/secrets.ts";
import { Automation } from "./automation.ts";
import type { GatewayConfig } from "../config/gateway_config.ts";
import { Pipeline } from "./pipeline.ts";
import { EventBus } from "../domain/events.ts";
import { type HttpHandler, lazyHttpHandler } from "./http.ts";
import { logger } from "../logging/log.ts";
import { Liveness, longestSilenceMs } from "./liveness.ts";
import { PromptSubmitter } from "../automation/scheduler/prompt.ts";
import { AdapterRegistry } from "../server/registry.ts";
import { Listener } from "../server/listener.ts";
import { SessionPersister } from "../server/session_persister.ts";
import { type Foundations, loadFoundations } from "./preflight.ts";
import type { Store } from "../store/store.ts";
import { ToolRegistry } from "../tools/registry.ts";
import { version } from "../config/version.ts";

const log = logger("app");

/** Time for a turn's other work, as the watchdog counts it: memory, MCP servers that start, the store. */
const otherWorkMs = 120_000;

/** A running gateway. */
export class Gateway implements AsyncDisposable {
  readonly events: EventBus;
  /** Whether it makes progress, for a watchdog. */
  readonly progress: Liveness;
  readonly #config: GatewayConfig;
  readonly #store: Store;
  readonly #pipeline: Pipeline;
  readonly #adapters: AdapterRegistry;
  readonly #persister: SessionPersister;
  readonly #automation: Automation;
  readonly #listener: Listener;
  readonly #secrets: Secrets;
  readonly #startedAt = Date.now();
  #announced = false;
  #stopped?: Promise<void>;

  /**
   * Starts a gateway: opens the store, then the port, then resumes what the last run left.
   *
   * @throws {ConfigError | StoreError | ListenError} if it cannot start.
   */
  static async start(
    config: GatewayConfig,
    { events = new EventBus() }: { readonly events?: EventBus } = {},
  ): Promise<Gateway> {
    const foundations = await loadFoundations(config);
    let gateway: Gateway;
    try {
      gateway = new Gateway(config, { ...foundations, events });
    } catch (error) {
      await foundations.store[Symbol.asyncDispose]();
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

  private constructor(
    config: GatewayConfig,
    options: Foundations & { readonly events: EventBus },
  ) {
    const { store, events, secrets, models } = options;
    this.#config = config;
    this.#store = store;
    this.#secrets = secrets;
    this.events = events;
    const persister = new SessionPersister({ store: store.frames });
    const adapters = new AdapterRegistry({ events, resumeMs: config.resumeMs, persister });
    this.#persister = persister;
    this.#adapters = adapters;
    const registry = new ToolRegistry();
    this.#automation = new Automation({
      config,
      store,
      events,
      registry,
      prompts: { submit: (prompt) => prompts.submit(prompt) },
    });
    this.#pipeline = new Pipeline(config, {
      ...options,
      transport: adapters,
      forgetFrames: (platform) => adapters.forgetFrames(platform),
      reminders: this.#automation.reminders,
      registry,
    });
    const prompts = new PromptSubmitter({
      intake: this.#pipeline.intake,
      sessions: store.sessions,
      connected: (platform) => adapters.connectedNodes(platform),
    });
    this.progress = new Liveness({
      store,
      router: this.#pipeline.router,
      events,
      listening: () => this.#listener.listening,
      silenceMs: otherWorkMs + longestSilenceMs({ ...config, ...config.limits, models }),
    });
    this.#listener = this.#listen();
  }

  /** The address it listens on, such as `127.0.0.1:18789`. */
  get address(): string {
    return this.#listener.address;
  }

  /** Reads the files of secrets, hooks and tasks again. Resolves with what is wrong with them. */
  async reload(): Promise<readonly string[]> {
    const problem = await this.#secrets.reload();
    const others = await this.#automation.reload();
    return problem === undefined ? others : [problem, ...others];
  }

  /**
   * Stops: accepts no more messages, notifies the adapters, lets running turns finish within the drain
   * time and puts the others back, closes sockets and store. A second call waits for the first.
   */
  stop(reason: string): Promise<void> {
    return this.#stopped ??= this.#stop(reason);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop("disposed");
  }

  #listen(): Listener {
    const { limits, host, port, allowedOrigins } = this.#config;
    const { intake, replies, approvals, mcp } = this.#pipeline;
    const { authenticator } = this.#secrets;
    return Listener.start({
      host,
      port,
      allowedOrigins,
      connections: limits.connections,
      sendBufferBytes: limits.sendBufferBytes,
      http: this.#httpHandler(),
      authenticator,
      conversation: {
        registry: this.#adapters,
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

  #httpHandler(): HttpHandler {
    const { hooks, scheduler } = this.#automation;
    const { llm, router, memory, sessions, eraser } = this.#pipeline;
    const { authenticator } = this.#secrets;
    const gate = new AdminGate({ authenticator, allowedOrigins: this.#config.allowedOrigins });
    return lazyHttpHandler({
      health: {
        llm,
        gate,
        store: this.#store,
        router,
        adapters: this.#adapters,
        hooks,
        scheduler,
        memory,
        uptimeSeconds: () => this.#uptimeSeconds(),
        stopping: () => this.#stopped !== undefined,
      },
      admin: {
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
      },
    });
  }

  /** Everything that must happen between opening the port and accepting the first connection. */
  async #start(): Promise<void> {
    await this.#automation.load();
    this.#pipeline.mcp.start();
    this.#announceStart();
    await this.#automation.start();
    await this.#adapters.load();
    await this.#pipeline.start();
    this.#secrets.watch();
    this.#listener.serve();
  }

  #announceStart(): void {
    const { address } = this;
    const { llm } = this.#pipeline;
    log.info("Clara gateway {version} listens on {address}", { version, address });
    if (llm.kind === "echo") {
      log.warn(
        "No model is configured (OPENAI_API_KEY, OPENAI_BASE_URL, models.yaml): the built-in echo model repeats " +
          "every message",
      );
    } else {
      log.info("Model: {model}", { model: llm.modelOf("mid") });
    }
    this.#announced = true;
    this.events.emit("gateway:startup", { address, version });
  }

  async #stop(reason: string): Promise<void> {
    log.info("Stopping: {reason}", { reason });
    // If the start failed, no startup event was emitted.
    if (this.#announced) this.events.emit("gateway:shutdown", { reason });
    const { drainMs } = this.#config;
    const tasks = this.#automation.stopTasks({ drainMs });
    this.#listener.announceShutdown(reason);
    this.#adapters.beginShutdown();
    await Promise.all([this.#pipeline.drain(), tasks, this.#secrets[Symbol.asyncDispose]()]);
    // Once the sockets are closed, nothing is sent or acknowledged any more.
    const closed = this.#listener.stop().then(() => this.#persister.stop());
    await Promise.all([closed, this.#pipeline.stop()]);
    // Last, because hooks may be interested in everything before.
    await this.#automation.stopHooks();
    await this.#store[Symbol.asyncDispose]();
    log.info("Stopped");
  }

  #serviceFigures() {
    const { active, queued } = this.#pipeline.router.load;
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
