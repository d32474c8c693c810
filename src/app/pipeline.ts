/**
 * Everything that turns an accepted message into a reply: queue, session, context, model, tools,
 * delivery. It reaches adapters only through the {@linkcode ReplyTransport}. Wired by the gateway.
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
import { ContextBuilder } from "../context/builder.ts";
import type { ReplyTransport } from "../delivery/port.ts";
import { TurnRunner } from "../turn/runner.ts";
import { Replies } from "../delivery/replies.ts";
import { Budget, TurnPlanner } from "../turn/plan.ts";
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
import type { ReminderService } from "../tools/builtin/reminders.ts";
import { UserFiles } from "../tools/user_files.ts";
import { McpManager } from "../tools/mcp/manager.ts";
import { ToolExecutor } from "../tools/executor.ts";
import type { ToolPolicy } from "../tools/policy.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import { EgressGuard } from "../tools/web/egress_guard.ts";

const log = logger("app");

/** How often idle sessions are ended and old requests deleted, milliseconds. */
const housekeepingMs = 60_000;
/** How many old requests are deleted in one transaction. */
const purgeBatch = 500;
/** How long the last frames may take to leave during a stop, milliseconds. */
const settleMs = 2_000;

/** Options of a {@linkcode Pipeline}. */
export interface PipelineOptions {
  readonly store: Store;
  readonly persona: string;
  readonly policy: ToolPolicy;
  readonly events: EventBus;
  readonly transport: ReplyTransport;
  /** Drops the frames that are kept for a platform's adapters. */
  readonly forgetFrames: (platform: string) => Promise<void>;
  readonly reminders: ReminderService;
  /** Undefined if none are configured: then the echo model answers. */
  readonly models?: ModelCatalog;
  /** Receives the built-in tools and those of MCP servers. */
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
  readonly sessions: Sessions;
  readonly eraser: UserEraser;
  readonly #config: GatewayConfig;
  readonly #store: Store;
  readonly #summaries?: Summaries;
  readonly #files: UserFiles;
  readonly #guard = new EgressGuard();
  readonly #unsubscribe: () => void;
  #housekeeping?: ReturnType<typeof setInterval>;

  constructor(config: GatewayConfig, options: PipelineOptions) {
    const { store, events, transport } = options;
    const { requests } = store;
    this.#config = config;
    this.#store = store;
    this.llm = createLlm(config, options);
    this.memory = new UserMemory(config, { store, ask: factExtraction(this.llm) });
    this.replies = new Replies({ requests, transport });
    this.approvals = new Approvals({ transport, timeoutMs: config.approvalTimeoutMs });
    this.sessions = createSessions(config, options);
    this.#summaries = createSummaries(config, { store, llm: this.llm });
    this.#unsubscribe = events.subscribe(({ name }) => {
      if (name === "session:end") this.#summaries?.scan();
    });
    this.mcp = McpManager.fromConfig(config);
    this.#files = new UserFiles({
      root: join(config.dataDir, "files"),
      quotaBytes: config.limits.userFileBytes,
    });
    this.#addTools(options);
    const owner = crypto.randomUUID();
    const giveUp = new AbortController();
    const runner = this.#createRunner(options, { owner, givenUp: giveUp.signal });
    this.router = new Router({
      handle: runner.handle,
      discard: runner.discard,
      drained: giveUp,
      ...config.limits,
      collectMs: config.collectMs,
    });
    this.eraser = this.#createEraser(options);
    this.intake = new Intake({
      requests,
      router: this.router,
      events,
      overlapOf: (channelKey) => overlapIn(channelKey, config.overlap),
      newClaim: (now) => ({ owner, now, idleBefore: this.sessions.idleBefore(now) }),
    });
  }

  /** Resumes what the last run left, and starts the housekeeping. */
  async start(): Promise<void> {
    this.#housekeeping = setInterval(() => this.#keepHouse(), housekeepingMs);
    this.sessions.startSweeping(housekeepingMs);
    this.memory.start();
    this.#summaries?.scan();
    await this.intake.recover();
  }

  /** Accepts no more messages. Running turns end within the drain time or are put back. */
  async drain(): Promise<void> {
    clearInterval(this.#housekeeping);
    this.sessions[Symbol.dispose]();
    this.intake.close();
    await this.router.stop({ drainMs: this.#config.drainMs });
    await this.replies.settle(settleMs);
  }

  /** Stops everything else: MCP servers, the memory, summaries, connections. */
  async stop(): Promise<void> {
    this.#unsubscribe();
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

  #createRunner(
    options: PipelineOptions,
    claims: { readonly owner: string; readonly givenUp: AbortSignal },
  ): TurnRunner {
    const { store, events, persona } = options;
    const config = this.#config;
    const { limits } = config;
    return new TurnRunner({
      ...claims,
      requests: store.requests,
      sessions: this.sessions,
      context: new ContextBuilder({
        history: store.history,
        summaries: store.summaries,
        persona,
        toolNotes: () => this.mcp.instructions(),
        ...limits,
        historyTokens: historyTokens(config, this.llm),
      }),
      toolLoop: this.#createToolLoop(options),
      llm: this.llm,
      planner: createPlanner(config, { ...options, llm: this.llm }),
      usage: store.usage,
      memory: this.memory,
      toolsReady: () => this.mcp.ready(),
      replies: this.replies,
      summaries: this.#summaries,
      events,
      attempts: limits.attempts,
    });
  }

  #createToolLoop({ registry, policy, events }: PipelineOptions): ToolLoop {
    const config = this.#config;
    return new ToolLoop({
      llm: this.llm,
      tools: new ToolExecutor({
        registry,
        policy,
        approver: this.approvals,
        events,
        timeoutMs: config.toolTimeoutMs,
        outputChars: config.limits.toolOutputChars,
      }),
      ...config.limits,
      inputTokens: (tier) => promptTokens(config, { llm: this.llm, tier }),
      autoProceed: config.autoProceed,
    });
  }

  #createEraser({ store, forgetFrames }: PipelineOptions): UserEraser {
    return new UserEraser({
      store: store.forget,
      router: this.router,
      forgetFrames,
      elsewhere: {
        files: ({ platform, userId }) => this.#files.removeAll(platformKey(platform, userId)),
        // Memories that are kept outside the store, as by mem0.
        elsewhere: ({ platform, userId }) =>
          this.memory.backend.removeAll(platformKey(platform, userId)),
      },
    });
  }

  async #keepHouse(): Promise<void> {
    this.#summaries?.scan();
    const before = Date.now() - this.#config.keepRequestsMs;
    try {
      while (await this.#store.requests.purge({ before, limit: purgeBatch }) === purgeBatch);
    } catch (error) {
      log.warn("Cannot delete old requests: {error}", { error: errorText(error) });
    }
  }
}

function createLlm(
  { llm }: GatewayConfig,
  { models, store }: Pick<PipelineOptions, "models" | "store">,
): LlmClient {
  if (!models) return new EchoClient();
  return new OpenAiClient({
    catalog: models,
    showReasoning: llm.showReasoning,
    storeUsage: (entries) => store.usage.add(entries),
  });
}

function createSessions(
  { sessionIdleMs: idleMs, sessionResetAt, timeZone }: GatewayConfig,
  { store, events }: Pick<PipelineOptions, "store" | "events">,
): Sessions {
  const dailyReset = sessionResetAt === undefined
    ? undefined
    : new DailyReset(sessionResetAt, timeZone);
  return new Sessions({ store: store.sessions, events, idleMs, dailyReset });
}

/** The echo model cannot summarize: there, old lines just leave the context. */
function createSummaries(
  config: GatewayConfig,
  { store, llm }: { readonly store: Store; readonly llm: LlmClient },
): Summaries | undefined {
  if (llm.kind === "echo") return undefined;
  return new Summaries({
    store: store.summaries,
    history: store.history,
    llm,
    inputTokens: () => promptTokens(config, { llm, tier: "low" }),
    historyTokens: historyTokens(config, llm),
  });
}

function createPlanner(
  { limits, llm: { autoTier } }: GatewayConfig,
  { store, models, llm }: Pick<PipelineOptions, "store" | "models"> & { readonly llm: LlmClient },
): TurnPlanner {
  const budget = new Budget({
    usage: store.usage,
    limits: {
      tokens: limits.userTokensPerDay,
      costNanos: Math.round(limits.userCostPerDay * 1e9),
    },
    overrides: models?.budgets ?? new Map(),
  });
  return new TurnPlanner({ llm, budget, autoTier });
}

/** Tokens (estimated) that the prompt of a request to a tier's model may have. */
function promptTokens(
  { llm: { contextTokens } }: GatewayConfig,
  { llm, tier }: { readonly llm: LlmClient; readonly tier: Tier },
): number {
  const known = llm.contextTokensOf(tier);
  return known === undefined ? Number.MAX_SAFE_INTEGER : inputTokens(contextTokens ?? known);
}

/** Tokens of history in a prompt: at most half of it, which leaves room for everything else. */
function historyTokens(config: GatewayConfig, llm: LlmClient): number {
  const half = Math.floor(promptTokens(config, { llm, tier: "mid" }) / 2);
  return Math.min(config.limits.historyTokens, half);
}

/** How the memory asks the low tier for facts; the echo model cannot extract any. */
function factExtraction(llm: LlmClient): AskModel | undefined {
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
