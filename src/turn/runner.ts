/**
 * One turn, from claim to outcome: session, context, model and tools. The router calls it, one turn at a time per
 * channel.
 */

import type { ContextBuilder } from "../context/builder.ts";
import type { Replies } from "../delivery/replies.ts";
import type { Reply } from "../delivery/reply.ts";
import type { GatewayError } from "../domain/errors.ts";
import { type EventBus, eventOrigin } from "../domain/events.ts";
import { platformKey } from "../domain/keys.ts";
import type { UserMessage } from "../domain/message.ts";
import type { ClaimedRequest, Outcome, QueuedRequest } from "../domain/request.ts";
import { errorText } from "../lib/error_text.ts";
import type { LlmClient } from "../llm/client.ts";
import { logger } from "../logging/log.ts";
import type { UserMemory } from "../memory/user_memory.ts";
import type { TakeWaiting } from "../queue/channel.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { RequestStore } from "../store/request_store.ts";
import type { UsageStore } from "../store/usage_store.ts";
import type { Summaries } from "../summaries/summaries.ts";
import type { ToolContext } from "../tools/tool.ts";
import { AbsorbedRequests } from "./absorbed.ts";
import { ClaimJournal, ClaimLostError, type TurnJournal } from "./journal.ts";
import { failureOf, OutcomeRecorder, setAside } from "./outcome.ts";
import type { TurnPlan, TurnPlanner } from "./plan.ts";
import { retryUntilStored } from "./retry_until_stored.ts";
import { type TurnState, turnStateOf } from "./state.ts";
import type { ToolLoop, TurnResult } from "./tool_loop.ts";
import type { TurnStep } from "./tool_round.ts";

const log = logger("turn");

/** The answer to a message that only starts a new conversation. */
const resetReply = "A new conversation begins.";
/** Named as the model of that answer. */
const resetModel = "gateway";
const resetResult: TurnResult = {
  files: [],
  toolCount: 0,
  usage: { inputTokens: 0, outputTokens: 0 },
  model: resetModel,
  finishReason: "stop",
};
/** Characters of a tool's output that an adapter is shown. */
const previewChars = 200;

/** Options of a {@linkcode TurnRunner}. */
export interface TurnRunnerOptions {
  readonly requests: RequestStore;
  readonly sessions: Pick<Sessions, "open" | "reset" | "idleBefore">;
  readonly context: Pick<ContextBuilder, "build">;
  readonly toolLoop: Pick<ToolLoop, "run">;
  readonly llm: Pick<LlmClient, "modelOf">;
  readonly planner: Pick<TurnPlanner, "plan">;
  readonly usage: Pick<UsageStore, "add">;
  readonly memory: Pick<UserMemory, "enabled" | "recall" | "wake">;
  /** Resolves when the tools that start with the gateway are ready, or have used up their time. */
  readonly toolsReady: () => Promise<void>;
  readonly replies: Replies;
  /** Summarises conversations that have grown too long. */
  readonly summaries?: Pick<Summaries, "afterTurn">;
  readonly events: EventBus;
  /** This process, as the owner of claims. */
  readonly owner: string;
  /** Aborts when the gateway stops and no longer waits for the store. */
  readonly givenUp: AbortSignal;
  /** Attempts for a message that crashes the process. */
  readonly attempts: number;
  readonly now?: () => number;
}

/** A claimed request and everything that belongs to its turn. */
interface Turn {
  readonly claimed: ClaimedRequest;
  readonly plan: TurnPlan;
  readonly absorbed: AbsorbedRequests;
  readonly reply: Reply;
  readonly state: TurnState;
}

export class TurnRunner {
  readonly #options: TurnRunnerOptions;
  readonly #outcomes: OutcomeRecorder;
  readonly #now: () => number;

  constructor(options: TurnRunnerOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#outcomes = new OutcomeRecorder({ ...options, now: this.#now });
  }

  /** Runs a request to its outcome. If the signal aborts with `shutting_down`, the request is put back. */
  readonly handle = async (
    queued: QueuedRequest,
    signal: AbortSignal,
    takeWaiting: TakeWaiting,
  ): Promise<void> => {
    const claimed = queued.begun ?? await this.#claim(queued);
    if (!claimed) return;
    const turn = await this.#begin(queued, claimed, { signal, takeWaiting });
    try {
      const outcome = await this.#outcomeOf(turn, signal);
      if (outcome) {
        await this.#outcomes.finish({ ...turn, absorbed: turn.absorbed.all }, outcome);
      } else await this.#putBack(turn);
    } catch (error) {
      this.#leave(queued, error);
    }
  };

  /** Ends a request that was cancelled while queued. */
  readonly discard = async (queued: QueuedRequest): Promise<void> => {
    const { requests, replies, events, owner, givenUp } = this.#options;
    const { seq, nodeId, requestId } = queued;
    const cancelled = await retryUntilStored(
      () => requests.cancelQueued({ seq, owner, now: this.#now() }),
      givenUp,
    ).catch((error) => this.#leave(queued, error));
    if (!cancelled) return;
    events.emit("message:cancelled", eventOrigin({ ...cancelled, nodeId }));
    const { dialect, task } = cancelled.message;
    // No adapter sent a task's prompt, so none waits for its end.
    if (task) return await requests.markDelivered({ seq, now: this.#now() });
    replies.open(seq, { nodeId, requestId, dialect, model: "", tier: "mid" });
    await replies.finish(seq, { type: "cancelled" });
  };

  /** Claims a request; undefined if it is already done or must be left. */
  #claim(queued: QueuedRequest): Promise<ClaimedRequest | undefined> {
    const { requests, sessions, owner, givenUp } = this.#options;
    return retryUntilStored(() => {
      const now = this.#now();
      return requests.claim(queued.seq, { owner, now, idleBefore: sessions.idleBefore(now) });
    }, givenUp).catch((error) => this.#leave(queued, error));
  }

  /** Decides the tier and opens the reply. */
  async #begin(
    queued: QueuedRequest,
    given: ClaimedRequest,
    { signal, takeWaiting }: { readonly signal: AbortSignal; readonly takeWaiting: TakeWaiting },
  ): Promise<Turn> {
    const { planner, llm, replies } = this.#options;
    const state = turnStateOf(given, given.message, { now: this.#now });
    const plan = await planner.plan(given.message, state.account, signal);
    const { message, tier } = plan;
    state.userText = message.content;
    const options = { ...this.#options, takeWaiting, now: this.#now };
    const absorbed = new AbsorbedRequests(queued, given, options);
    const { seq, nodeId, requestId } = queued;
    const reply = replies.open(seq, {
      nodeId,
      requestId,
      dialect: message.dialect,
      model: isOnlyReset(message) ? resetModel : llm.modelOf(tier),
      tier,
      proactive: message.task !== undefined,
    });
    return { claimed: { ...given, message }, plan, absorbed, reply, state };
  }

  /** The request's outcome; undefined if it is to be put back. */
  async #outcomeOf(turn: Turn, signal: AbortSignal): Promise<Outcome | undefined> {
    const { claimed, plan, reply } = turn;
    try {
      signal.throwIfAborted();
      if (claimed.attempt > this.#options.attempts) throw setAside(claimed.attempt - 1);
      if (plan.refusal) throw plan.refusal;
      reply.start();
      const result = await this.#run(turn, signal);
      const { tier, text } = reply;
      return { type: "reply", text, tier, ...result };
    } catch (error) {
      if (error instanceof ClaimLostError) throw error;
      if (signal.aborted) {
        const reason = signal.reason as GatewayError;
        return reason.code === "shutting_down" ? undefined : { type: "cancelled" };
      }
      return failureOf(claimed, reply, error);
    }
  }

  async #run(turn: Turn, signal: AbortSignal): Promise<TurnResult> {
    const { claimed, plan, reply, state, absorbed } = turn;
    const { message, nodeId, platform, claim } = claimed;
    const { conversation } = state;
    const userId = message.user.id;
    const { sessions, givenUp, requests } = this.#options;
    if (message.reset) {
      await retryUntilStored(() => sessions.reset({ conversation, userId }), givenUp);
    }
    if (isOnlyReset(message)) {
      reply.add(resetReply);
      return resetResult;
    }
    // It runs while the rest is fetched, and never rejects.
    const recalled = this.#options.memory.recall(recallRequest(claimed, signal));
    const place = { nodeId, platform, userId, channelId: message.channel.id, conversation };
    const session = await retryUntilStored(
      () => sessions.open(place, claimed.claimedAt),
      givenUp,
    );
    state.sessionId = session.id;
    await this.#options.toolsReady();
    await absorbed.collect();
    const memories = await recalled;
    signal.throwIfAborted();
    const context = await this.#options.context.build({
      platform,
      message,
      conversation,
      memories,
    });
    state.userText = context.userText;
    const { named } = context;
    const join: TurnJournal["join"] = async (round, { fresh }) => {
      if (fresh) await absorbed.steer(round);
      return absorbed.messages(round, { named });
    };
    return await this.#options.toolLoop.run({
      tier: plan.tier,
      parts: [...context.parts, ...absorbed.parts(-1, { named })],
      onHistoryRoom: (tokens) => state.historyRoom ??= tokens,
      rounds: claimed.rounds,
      journal: new ClaimJournal(requests, { claim, usage: state.usage, join }),
      context: toolContext(claimed, { sessionId: session.id }),
      show: (step) => showStep(reply, step),
      onUsage: state.usage.add,
      signal,
    });
  }

  async #putBack({ claimed: { claim }, state }: Turn): Promise<void> {
    const { replies, requests, usage, givenUp } = this.#options;
    replies.abandon(claim.seq);
    // The model will be asked again, but these requests were paid for.
    await retryUntilStored(() => usage.add(state.usage.pending()), givenUp);
    await retryUntilStored(() => requests.release(claim), givenUp);
  }

  /** The claim is lost, or the gateway stops before the store accepts writes: the next claim answers it. */
  #leave({ seq, requestId }: QueuedRequest, error: unknown): undefined {
    this.#options.replies.abandon(seq);
    log.warn("Request {request} is left to its next claim: {error}", {
      request: requestId,
      error: errorText(error),
    });
  }
}

/** Whether a message only starts a new conversation: no text except a bare command. */
function isOnlyReset(
  { reset, content, attachments }: Pick<UserMessage, "reset" | "content" | "attachments">,
): boolean {
  return reset === true && attachments.length === 0 && /^(?:\/\w+)?$/.test(content.trim());
}

function toolContext(
  { nodeId, platform, message, claim }: ClaimedRequest,
  { sessionId }: { readonly sessionId: string },
): ToolContext {
  return {
    nodeId,
    platform,
    requestId: message.requestId,
    userId: message.user.id,
    channelId: message.channel.id,
    channelKey: claim.channelKey,
    channelType: message.channel.type,
    sessionId,
    message,
  };
}

function recallRequest({ platform, message, claim }: ClaimedRequest, signal: AbortSignal) {
  return {
    userKey: platformKey(platform, message.user.id),
    channelKey: claim.channelKey,
    channelType: message.channel.type,
    query: message.content,
    signal,
  };
}

function showStep(reply: Reply, step: TurnStep): void {
  if (step.type === "text") return reply.add(step.text);
  const { call, description } = step;
  const common = { toolName: call.name, callId: call.id, step: step.step, description };
  if (step.type === "tool_started") {
    return reply.tool({ type: "tool_started", ...common, emoji: step.emoji });
  }
  const { isError, content, durationMs } = step.result;
  const preview = content.length > previewChars ? `${content.slice(0, previewChars)}…` : content;
  // The cut, or the tool itself, may have left half a surrogate pair.
  const outputPreview = preview.toWellFormed();
  reply.tool({ type: "tool_finished", ...common, success: !isError, outputPreview, durationMs });
}
