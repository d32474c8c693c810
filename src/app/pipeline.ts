/**
 * All that turns an accepted message into a reply: queue, session, context, model, tools, delivery.
 * It knows adapters by the outlet only. A part of the gateway's wiring, used by it alone.
 */

import { join } from "node:path";
import type { GatewayConfig } from "../config/gateway_config.ts";
import { errorText } from "../lib/error_text.ts";
import type { EventBus } from "../domain/events.ts";
import { inputTokens } from "../llm/context_window.ts";
import { EchoClient } from "../llm/echo_client.ts";
import type { LlmClient } from "../llm/client.ts";
import type { ModelCatalog } from "../llm/catalog.ts";
import { OpenAiClient } from "../llm/openai/client.ts";
import { logger } from "../logging/log.ts";
import type { AskModel } from "../memory/embedded/memory.ts";
import { UserMemory } from "../memory/user_memory.ts";
import { ToolLoop } from "../turn/tool_loop.ts";
import { Approvals } from "../delivery/approvals.ts";
import { Budget } from "../turn/budget.ts";
import { ContextBuilder } from "../context/builder.ts";
import type { ReplyTransport } from "../delivery/port.ts";
import { TurnRunner } from "../turn/runner.ts";
import { Replies } from "../delivery/replies.ts";
import { TurnPlanner } from "../turn/plan.ts";
import { UserEraser } from "../sessions/user_eraser.ts";
import type { Tier } from "../domain/message.ts";
import { platformKey } from "../domain/keys.ts";
import { Intake } from "../queue/intake.ts";
import { overlapIn } from "../domain/overlap.ts";
import { Router } from "../queue/router.ts";
import { DailyReset, Sessions } from "../sessions/sessions.ts";
import type { Store } from "../store/store.ts";
import { Summaries } from "../summaries/summaries.ts";
import { builtinTools } from "../tools/builtin/builtin_tools.ts";
import type { ReminderService } from "../tools/builtin/reminder_book.ts";
import { UserFiles } from "../tools/files/user_files.ts";
import { McpManager } from "../tools/mcp/manager.ts";
import { ToolExecutor } from "../tools/executor.ts";
import type { ToolPolicy } from "../tools/policy.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import { EgressGuard } from "../tools/web/egress_guard.ts";

const log = logger("app");

/** How often idle sessions are ended and old requests dropped, milliseconds. */
const housekeepingMs = 60_000;
/** How many old requests are dropped in one transaction. */
const purgeBatch = 500;
/** How long the last frames may take to leave at the end, milliseconds. */
const settleMs = 2_000;

/** What an {@linkcode Pipeline} is given. */
export interface PipelineOptions {
  readonly store: Store;
  readonly persona: string;
  readonly policy: ToolPolicy;
  readonly events: EventBus;
  readonly outlet: ReplyTransport;
  /** Drops what is kept to be sent again to a platform's adapters. */
  readonly forgetFrames: (platform: string) => Promise<void>;
  readonly reminders: ReminderService;
  /** Undefined where none is configured: then the echo model answers. */
  readonly models?: ModelCatalog;
  /** Gets the built-in tools and those of MCP servers. */
  readonly registry: ToolRegistry;
}

export class Pipeline {
  readonly llm: LlmClient;
  readonly intake: Intake;
  readonly router: Router;
  readonly replies: Replies;
  readonly approvals: Approvals;
  readonly mcp: McpManager;
  readonly memory: UserMemory;
  readonly #config: GatewayConfig;
  readonly #store: Store;
  readonly sessions: Sessions;
  readonly #summaries?: Summaries;
  readonly #endListening: () => void;
  readonly eraser: UserEraser;
  readonly #files: UserFiles;
  readonly #guard = new EgressGuard();
  #housekeeping?: ReturnType<typeof setInterval>;

  constructor(config: GatewayConfig, options: PipelineOptions) {
    const { store, events, outlet, registry } = options;
    const { limits } = config;
    const { requests } = store;
    this.#config = config;
    this.#store = store;
    this.llm = llmOf(config, options);
    this.memory = new UserMemory(config, { store, ask: askOf(this.llm) });
    this.replies = new Replies({ requests, transport: outlet });
    this.approvals = new Approvals({ transport: outlet, timeoutMs: config.approvalTimeoutMs });
    this.sessions = new Sessions({
      store: store.sessions,
      events,
      idleMs: config.sessionIdleMs,
      dailyReset: config.sessionResetAt === undefined
        ? undefined
        : new DailyReset(config.sessionResetAt, config.timeZone),
    });
    const roomOf = (tier: Tier) => this.#inputTokens(tier);
    // Half of the window: what else there is must have its place.
    const historyTokens = Math.min(limits.historyTokens, Math.floor(roomOf("mid") / 2));
    // The echo model sums nothing up: there, old lines leave the context and that is all.
    this.#summaries = this.llm.kind === "echo" ? undefined : new Summaries({
      store: store.summaries,
      history: store.history,
      llm: this.llm,
      inputTokens: () => roomOf("low"),
      historyTokens,
    });
    this.#endListening = events.subscribe(({ name }) => {
      if (name === "session:end") this.#summaries?.scan();
    });
    this.mcp = new McpManager({
      path: config.mcpFile,
      environment: config.environment,
      childEnvironment: config.childEnvironment,
      maxMessageBytes: limits.mcpMessageBytes,
      callTimeoutMs: config.toolTimeoutMs,
    });
    this.#files = new UserFiles({
      root: join(config.dataDir, "files"),
      quotaBytes: limits.userFileBytes,
    });
    this.#addTools(options);
    const owner = crypto.randomUUID();
    const giveUp = new AbortController();
    const processor = new TurnRunner({
      requests,
      sessions: this.sessions,
      context: new ContextBuilder({
        history: store.history,
        summaries: store.summaries,
        persona: options.persona,
        toolNotes: () => this.mcp.instructions(),
        ...limits,
        historyTokens,
      }),
      orchestrator: new ToolLoop({
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
        inputTokens: roomOf,
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
      summaries: this.#summaries,
      events,
      owner,
      givenUp: giveUp.signal,
      attempts: limits.attempts,
    });
    this.router = new Router({
      handle: processor.handle,
      discard: processor.discard,
      drained: giveUp,
      ...limits,
      collectMs: config.collectMs,
    });
    this.eraser = new UserEraser({
      store: store.forget,
      router: this.router,
      forgetFrames: options.forgetFrames,
      elsewhere: {
        files: ({ platform, userId }) => this.#files.removeAll(platformKey(platform, userId)),
        // What the memory keeps elsewhere.
        elsewhere: ({ platform, userId }) =>
          this.memory.backend.removeAll(platformKey(platform, userId)),
      },
    });
    this.intake = new Intake({
      requests,
      router: this.router,
      events,
      overlapOf: (channelKey) => overlapIn(channelKey, config.overlap),
      newClaim: (now) => ({ owner, now, idleBefore: this.sessions.idleBefore(now) }),
    });
  }

  /** Takes up what the last run left, and begins to keep house. */
  async start(): Promise<void> {
    this.#housekeeping = setInterval(() => this.#keepHouse(), housekeepingMs);
    this.sessions.startSweeping(housekeepingMs);
    this.memory.start();
    this.#summaries?.scan();
    await this.intake.recover();
  }

  /** Takes no more messages; running turns end within the drain time or are put back. */
  async drain(): Promise<void> {
    clearInterval(this.#housekeeping);
    this.sessions[Symbol.dispose]();
    this.intake.close();
    await this.router.stop({ drainMs: this.#config.drainMs });
    await this.replies.settle(settleMs);
  }

  /** Ends what else there is: MCP servers, connections. */
  async stop(): Promise<void> {
    this.#endListening();
    await Promise.all([
      this.mcp[Symbol.asyncDispose](),
      this.memory[Symbol.asyncDispose](),
      this.#summaries?.[Symbol.asyncDispose](),
    ]);
    this.#guard[Symbol.dispose]();
  }

  #addTools({ store, reminders, registry }: PipelineOptions): void {
    const tools = builtinTools({
      history: store.history,
      memories: store.memories,
      reminders,
      files: this.#files,
      guard: this.#guard,
    });
    for (const tool of tools) registry.add(tool);
    registry.addSource(this.mcp);
  }

  /** Tokens (estimated) that a request to the model of a tier may have. */
  #inputTokens(tier: Tier): number {
    const known = this.llm.contextTokensOf(tier);
    if (known === undefined) return Number.MAX_SAFE_INTEGER;
    return inputTokens(this.#config.llm.contextTokens ?? known);
  }

  async #keepHouse(): Promise<void> {
    this.#summaries?.scan();
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
  { models, store }: Pick<PipelineOptions, "models" | "store">,
): LlmClient {
  if (!models) return new EchoClient();
  return new OpenAiClient({
    catalog: models,
    showReasoning: llm.showReasoning,
    keepUsage: (entries) => store.usage.add(entries),
  });
}

/** How the memory asks the small model for facts; the echo model knows none. */
function askOf(llm: LlmClient): AskModel | undefined {
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
