/**
 * All that turns an accepted message into a reply: queue, session, context, model, tools, delivery.
 * It knows adapters by the outlet only. A part of the gateway's wiring, used by it alone.
 */

import type { GatewayConfig } from "./config_types.ts";
import { errorText } from "./errors.ts";
import type { EventBus } from "./events.ts";
import { EchoClient } from "./llm/echo_client.ts";
import type { LlmClient } from "./llm/llm_client.ts";
import type { ModelCatalog } from "./llm/model_catalog.ts";
import { OpenAiClient } from "./llm/openai_client.ts";
import { logger } from "./log.ts";
import type { Ask } from "./memory/embedded_memory.ts";
import { UserMemory } from "./memory/user_memory.ts";
import { Orchestrator } from "./orchestrator/orchestrator.ts";
import { Approvals } from "./processor/approvals.ts";
import { Budget } from "./processor/budget.ts";
import { ContextBuilder } from "./processor/context_builder.ts";
import type { Outlet } from "./processor/outlet.ts";
import { Processor } from "./processor/processor.ts";
import { Replies } from "./processor/replies.ts";
import { TurnPlanner } from "./processor/turn_plan.ts";
import { Intake } from "./router/intake.ts";
import { overlapIn } from "./router/overlap_rules.ts";
import { Router } from "./router/router.ts";
import { Sessions } from "./sessions/sessions.ts";
import type { Store } from "./store/store.ts";
import { builtinTools } from "./tools/builtin_tools.ts";
import type { ReminderBook } from "./tools/builtin/reminder_book.ts";
import { McpManager } from "./tools/mcp/mcp_manager.ts";
import { ToolExecutor } from "./tools/tool_executor.ts";
import type { ToolPolicy } from "./tools/tool_policy.ts";
import type { ToolRegistry } from "./tools/tool_registry.ts";
import { EgressGuard } from "./tools/web/egress_guard.ts";

const log = logger("gateway");

/** How often idle sessions are ended and old requests dropped, milliseconds. */
const housekeepingMs = 60_000;
/** How many old requests are dropped in one transaction. */
const purgeBatch = 500;
/** How long the last frames may take to leave at the end, milliseconds. */
const settleMs = 2_000;

/** What an {@linkcode Engine} is given. */
export interface EngineOptions {
  readonly store: Store;
  readonly persona: string;
  readonly policy: ToolPolicy;
  readonly events: EventBus;
  readonly outlet: Outlet;
  readonly reminders: ReminderBook;
  /** Undefined where none is configured: then the echo model answers. */
  readonly models?: ModelCatalog;
  /** Gets the built-in tools and those of MCP servers. */
  readonly registry: ToolRegistry;
}

export class Engine {
  readonly llm: LlmClient;
  readonly intake: Intake;
  readonly router: Router;
  readonly replies: Replies;
  readonly approvals: Approvals;
  readonly mcp: McpManager;
  readonly memory: UserMemory;
  readonly #config: GatewayConfig;
  readonly #store: Store;
  readonly #sessions: Sessions;
  readonly #guard = new EgressGuard();
  #housekeeping?: ReturnType<typeof setInterval>;

  constructor(config: GatewayConfig, options: EngineOptions) {
    const { store, events, outlet, registry } = options;
    const { limits } = config;
    const { requests } = store;
    this.#config = config;
    this.#store = store;
    this.llm = llmOf(config, options);
    this.memory = new UserMemory(config, { store, ask: askOf(this.llm) });
    this.replies = new Replies({ requests, outlet });
    this.approvals = new Approvals({ outlet, timeoutMs: config.approvalTimeoutMs });
    this.#sessions = new Sessions({
      store: store.sessions,
      events,
      idleMs: config.sessionIdleMs,
    });
    this.mcp = new McpManager({
      path: config.mcpFile,
      environment: config.environment,
      childEnvironment: config.childEnvironment,
      maxMessageBytes: limits.mcpMessageBytes,
      callTimeoutMs: config.toolTimeoutMs,
    });
    this.#addTools(options);
    const giveUp = new AbortController();
    const processor = new Processor({
      requests,
      sessions: this.#sessions,
      context: new ContextBuilder({
        history: store.history,
        persona: options.persona,
        toolNotes: () => this.mcp.instructions(),
        ...limits,
      }),
      orchestrator: new Orchestrator({
        llm: this.llm,
        tools: new ToolExecutor({
          registry,
          policy: options.policy,
          approver: this.approvals,
          events,
          timeoutMs: config.toolTimeoutMs,
          outputChars: limits.toolOutputChars,
        }),
        ...limits,
        autoProceed: config.autoProceed,
      }),
      llm: this.llm,
      planner: new TurnPlanner({
        llm: this.llm,
        budget: new Budget({
          usage: store.usage,
          limits: {
            tokens: limits.userTokensPerDay,
            costNanos: Math.round(limits.userCostPerDay * 1e9),
          },
          overrides: options.models?.budgets ?? new Map(),
        }),
        autoTier: config.llm.autoTier,
      }),
      usage: store.usage,
      memory: this.memory,
      toolsReady: () => this.mcp.ready(),
      replies: this.replies,
      events,
      owner: crypto.randomUUID(),
      givenUp: giveUp.signal,
      attempts: limits.attempts,
    });
    this.router = new Router({
      handle: processor.handle,
      discard: processor.discard,
      giveUp,
      ...limits,
      collectMs: config.collectMs,
    });
    this.intake = new Intake({
      requests,
      router: this.router,
      events,
      overlapOf: (channelKey) => overlapIn(channelKey, config.overlap),
    });
  }

  /** Takes up what the last run left, and begins to keep house. */
  async start(): Promise<void> {
    this.#housekeeping = setInterval(() => this.#keepHouse(), housekeepingMs);
    this.#sessions.startSweeping(housekeepingMs);
    this.memory.start();
    await this.intake.recover();
  }

  /** Takes no more messages; running turns end within the drain time or are put back. */
  async drain(): Promise<void> {
    clearInterval(this.#housekeeping);
    this.#sessions[Symbol.dispose]();
    this.intake.close();
    await this.router.stop({ drainMs: this.#config.drainMs });
    await this.replies.settle(settleMs);
  }

  /** Ends what else there is: MCP servers, connections. */
  async stop(): Promise<void> {
    await Promise.all([this.mcp[Symbol.asyncDispose](), this.memory[Symbol.asyncDispose]()]);
    this.#guard[Symbol.dispose]();
  }

  #addTools({ store, reminders, registry }: EngineOptions): void {
    const tools = builtinTools({
      history: store.history,
      memories: store.memories,
      reminders,
      dataDir: this.#config.dataDir,
      userFileBytes: this.#config.limits.userFileBytes,
      guard: this.#guard,
    });
    for (const tool of tools) registry.add(tool);
    registry.addSource(this.mcp);
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

function llmOf(
  { llm }: GatewayConfig,
  { models, store }: Pick<EngineOptions, "models" | "store">,
): LlmClient {
  if (!models) return new EchoClient();
  return new OpenAiClient({
    catalog: models,
    showReasoning: llm.showReasoning,
    keepUsage: (entries) => store.usage.add(entries),
  });
}

/** How the memory asks the small model for facts; the echo model knows none. */
function askOf(llm: LlmClient): Ask | undefined {
  if (llm.kind === "echo") return undefined;
  return async ({ instructions, text }, { exchange, signal }) => {
    const { userKey, channelKey } = exchange;
    const answer = await llm.complete({
      tier: "low",
      purpose: "memory",
      messages: [{ role: "system", content: instructions }, { role: "user", content: text }],
      account: { userKey, channelKey },
      signal,
    });
    return answer.text;
  };
}
