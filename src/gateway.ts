/** The only wiring: makes every part, hands each what it needs, starts and stops them in order. */

import type { GatewayConfig } from "./config_types.ts";
import { ConfigError, errorText } from "./errors.ts";
import { EventBus } from "./events.ts";
import { logger } from "./log.ts";
import { EchoClient } from "./llm/echo_client.ts";
import type { LlmClient } from "./llm/llm_client.ts";
import { OpenAiClient } from "./llm/openai_client.ts";
import { Orchestrator } from "./orchestrator/orchestrator.ts";
import { Approvals } from "./processor/approvals.ts";
import { ContextBuilder } from "./processor/context_builder.ts";
import { defaultPersona } from "./processor/persona.ts";
import { Processor } from "./processor/processor.ts";
import { Replies } from "./processor/replies.ts";
import { Progress } from "./progress.ts";
import { Intake } from "./router/intake.ts";
import { Router } from "./router/router.ts";
import { AdapterHub } from "./server/adapter_hub.ts";
import { Authenticator } from "./server/authenticator.ts";
import { GatewayServer } from "./server/gateway_server.ts";
import { healthApp } from "./server/health.ts";
import { Sessions } from "./sessions/sessions.ts";
import { SqliteStore } from "./store/sqlite_store.ts";
import type { Store } from "./store/store.ts";
import { builtinTools } from "./tools/builtin_tools.ts";
import { McpManager } from "./tools/mcp/mcp_manager.ts";
import { ToolExecutor } from "./tools/tool_executor.ts";
import { ToolPolicy } from "./tools/tool_policy.ts";
import { ToolRegistry } from "./tools/tool_registry.ts";
import { readToolsFile } from "./tools/tools_file.ts";
import { EgressGuard } from "./tools/web/egress_guard.ts";
import { version } from "./version.ts";

const log = logger("gateway");

/** How often idle sessions are ended and old requests dropped, milliseconds. */
const housekeepingMs = 60_000;
/** How many old requests are dropped in one transaction. */
const purgeBatch = 500;
/** How long the last frames may take to leave at the end, milliseconds. */
const settleMs = 2_000;

/** What must be there before anything is wired: it can be missing or wrong. */
interface Foundations {
  readonly store: Store;
  readonly persona: string;
  readonly policy: ToolPolicy;
  readonly events: EventBus;
}

/** A running gateway. */
export class Gateway implements AsyncDisposable {
  readonly events: EventBus;
  /** Whether it gets on; for a watchdog. */
  readonly progress: Progress;
  readonly #config: GatewayConfig;
  readonly #store: Store;
  readonly #router: Router;
  readonly #intake: Intake;
  readonly #replies: Replies;
  readonly #sessions: Sessions;
  readonly #server: GatewayServer;
  readonly #mcp: McpManager;
  readonly #guard: EgressGuard;
  readonly #housekeeping: ReturnType<typeof setInterval>;
  #stopped?: Promise<void>;

  /**
   * Starts a gateway: opens the store, then the port, then takes up what an earlier run left.
   *
   * @throws {ConfigError | StoreError} when the configuration or the store does not allow it.
   */
  static async start(
    config: GatewayConfig,
    options: { readonly events?: EventBus } = {},
  ): Promise<Gateway> {
    refuseOpenDoor(config);
    const persona = readPersona(config);
    const rules = await readToolsFile(config.toolsFile);
    if (rules.length > 0) {
      log.info("Rules for tools: {count}, from {path}", {
        count: rules.length,
        path: config.toolsFile,
      });
    }
    const policy = new ToolPolicy(rules);
    const store = SqliteStore.open(config.dataDir);
    const { events = new EventBus() } = options;
    let gateway: Gateway;
    try {
      gateway = new Gateway(config, { store, persona, policy, events });
    } catch (error) {
      await store[Symbol.asyncDispose]();
      throw error;
    }
    try {
      gateway.#mcp.start();
      await gateway.#intake.recover();
      return gateway;
    } catch (error) {
      await gateway.stop("it could not take up what the last run left");
      throw error;
    }
  }

  private constructor(config: GatewayConfig, { store, persona, policy, events }: Foundations) {
    const startedAt = Date.now();
    const uptimeSeconds = () => Math.floor((Date.now() - startedAt) / 1000);
    const { limits } = config;
    const llm = llmOf(config);
    const hub = new AdapterHub({ events });
    const replies = new Replies({ requests: store.requests, outlet: hub });
    const sessions = new Sessions({ store: store.sessions, events, idleMs: config.sessionIdleMs });
    const mcp = new McpManager({
      path: config.mcpFile,
      environment: config.environment,
      childEnvironment: config.childEnvironment,
      maxMessageBytes: limits.mcpMessageBytes,
      callTimeoutMs: config.toolTimeoutMs,
    });
    const guard = new EgressGuard();
    const { history, memories } = store;
    const { dataDir } = config;
    const { userFileBytes } = limits;
    const registry = new ToolRegistry(
      builtinTools({ history, memories, dataDir, userFileBytes, guard }),
    );
    registry.addSource(mcp);
    const approvals = new Approvals({ outlet: hub, timeoutMs: config.approvalTimeoutMs });
    const tools = new ToolExecutor({
      registry,
      policy,
      approver: approvals,
      events,
      timeoutMs: config.toolTimeoutMs,
      outputChars: limits.toolOutputChars,
    });
    const giveUp = new AbortController();
    const processor = new Processor({
      requests: store.requests,
      sessions,
      context: new ContextBuilder({
        history,
        persona,
        toolNotes: () => mcp.instructions(),
        historyTokens: limits.historyTokens,
      }),
      orchestrator: new Orchestrator({ llm, tools, ...limits, autoProceed: config.autoProceed }),
      llm,
      toolsReady: () => mcp.ready(),
      replies,
      events,
      owner: crypto.randomUUID(),
      givenUp: giveUp.signal,
      attempts: limits.attempts,
    });
    const router = new Router({
      handle: processor.handle,
      discard: processor.discard,
      giveUp,
      ...limits,
    });
    const intake = new Intake({ requests: store.requests, router, events });
    const health = healthApp({
      llm,
      store,
      router,
      hub,
      uptimeSeconds,
      stopping: () => this.#stopped !== undefined,
    });
    const { host, port, allowedOrigins } = config;
    const { connections, sendBufferBytes } = limits;
    this.#server = GatewayServer.start({
      host,
      port,
      allowedOrigins,
      connections,
      sendBufferBytes,
      http: (request) => health.fetch(request),
      conversation: {
        hub,
        intake,
        replies,
        approvals,
        mcp,
        authenticator: new Authenticator(config.secret),
        figures: () => {
          const { active, queued } = router.figures();
          return {
            active_requests: active,
            queue_length: queued,
            uptime_seconds: uptimeSeconds(),
          };
        },
        frameBytes: limits.frameBytes,
        heartbeatMs: config.heartbeatMs,
        registerTimeoutMs: config.registerTimeoutMs,
      },
    });
    // The longest that a turn may take without an event.
    const silenceMs = (limits.continuations + 1) * config.llm.totalMs + config.toolTimeoutMs +
      config.approvalTimeoutMs;
    this.progress = new Progress({ store, router, events, silenceMs });
    this.#config = config;
    this.events = events;
    this.#store = store;
    this.#router = router;
    this.#intake = intake;
    this.#replies = replies;
    this.#sessions = sessions;
    this.#mcp = mcp;
    this.#guard = guard;
    this.#housekeeping = setInterval(() => this.#keepHouse(), housekeepingMs);
    sessions.startSweeping(housekeepingMs);
    this.#announceStart(llm);
  }

  /** The address that it listens on, such as `127.0.0.1:18789`. */
  get address(): string {
    return this.#server.address;
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

  async #stop(reason: string): Promise<void> {
    log.info("Stopping: {reason}", { reason });
    this.events.emit("gateway:shutdown", { reason });
    clearInterval(this.#housekeeping);
    this.#sessions[Symbol.dispose]();
    this.#intake.close();
    this.#server.announceEnd(reason);
    await this.#router.stop({ drainMs: this.#config.drainMs });
    await this.#replies.settle(settleMs);
    await Promise.all([this.#server.stop(), this.#mcp[Symbol.asyncDispose]()]);
    this.#guard[Symbol.dispose]();
    await this.#store[Symbol.asyncDispose]();
    log.info("Stopped");
  }

  #announceStart(llm: LlmClient): void {
    log.info("Clara gateway {version} listens on {address}", { version, address: this.address });
    if (llm.kind === "echo") {
      log.warn(
        "No model is configured (OPENAI_API_KEY, OPENAI_BASE_URL): the built-in echo model answers " +
          "every message with its own text",
      );
    } else {
      log.info("Model: {model}", { model: llm.modelOf("mid") });
    }
    this.events.emit("gateway:startup", { address: this.address, version });
  }

  async #keepHouse(): Promise<void> {
    const before = Date.now() - this.#config.keepRequestsMs;
    try {
      while (await this.#store.requests.purge({ before, limit: purgeBatch }) === purgeBatch);
    } catch (error) {
      log.warn("Cannot drop old requests: {error}", { error: errorText(error) });
    }
  }
}

function llmOf({ llm }: GatewayConfig): LlmClient {
  return llm.apiKey || llm.baseUrl ? new OpenAiClient(llm) : new EchoClient();
}

/** @throws {ConfigError} where everybody on the network could use the gateway. */
function refuseOpenDoor({ host, secret, insecure }: GatewayConfig): void {
  const loopback = /^(?:localhost|127(?:\.\d+){3}|\[?::1\]?)$/.test(host);
  if (loopback || secret || insecure) return;
  throw new ConfigError(
    `Cannot listen on "${host}" without a secret: everybody who reaches it could use the gateway. ` +
      "Set CLARA_GATEWAY_SECRET, listen on 127.0.0.1, or say --insecure.",
  );
}

/** @throws {ConfigError} when the file cannot be read. */
function readPersona({ personaFile }: GatewayConfig): string {
  if (!personaFile) return defaultPersona;
  try {
    return Deno.readTextFileSync(personaFile);
  } catch (error) {
    throw new ConfigError(
      `Cannot read CLARA_PERSONA_FILE "${personaFile}": ${(error as Error).message}`,
      { cause: error },
    );
  }
}
