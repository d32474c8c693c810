/**
 * One turn, from its claim to its committed outcome: session, context, model and tools, reply,
 * history. Called by the router, one turn at a time in a channel.
 */

import { errorText } from "../lib/error_text.ts";
import { GatewayError, StoreError, toGatewayError } from "../domain/errors.ts";
import { type EventBus, eventOrigin } from "../domain/events.ts";
import type { LlmClient } from "../llm/client.ts";
import { logger } from "../logging/log.ts";
import type { UserMemory } from "../memory/user_memory.ts";
import type { ToolLoop } from "./tool_loop.ts";
import type { TurnJournal } from "./tool_round.ts";
import type { TurnResult } from "./turn_event.ts";
import type { TakeWaiting } from "../queue/channel.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { ClaimedRequest, Outcome, QueuedRequest } from "../domain/request.ts";
import type { RequestStore } from "../store/request_store.ts";
import type { UsageStore } from "../store/usage_store.ts";
import type { Summaries } from "../summaries/summaries.ts";
import type { ContextBuilder } from "../context/builder.ts";
import { ClaimJournal, ClaimLostError } from "./journal.ts";
import { AbsorbedRequests } from "./absorbed.ts";
import { emitEnd } from "./end_event.ts";
import { exchangeOf } from "./exchange.ts";
import { historyLines } from "./history_lines.ts";
import type { Replies } from "../delivery/replies.ts";
import type { Reply } from "../delivery/reply.ts";
import { isOnlyReset, resetModel, resetReply, resetResult } from "./session_reset.ts";
import { recallOf, toolContextOf } from "./turn_context.ts";
import { showStep } from "./turn_display.ts";
import type { TurnPlan, TurnPlanner } from "./plan.ts";
import { type TurnState, turnStateOf } from "./state.ts";
import { toProactive } from "../delivery/proactive.ts";
import { retryUntilStored } from "./retry_until_stored.ts";

const log = logger("turn");

/** What a {@linkcode TurnRunner} is given. */
export interface TurnRunnerOptions {
  readonly requests: RequestStore;
  readonly sessions: Pick<Sessions, "open" | "reset" | "idleBefore">;
  readonly context: ContextBuilder;
  readonly orchestrator: ToolLoop;
  readonly llm: Pick<LlmClient, "modelOf">;
  readonly planner: Pick<TurnPlanner, "plan">;
  readonly usage: Pick<UsageStore, "add">;
  readonly memory: Pick<UserMemory, "enabled" | "recall" | "wake">;
  /** Resolves when the tools that start with the gateway are there, or have had their time. */
  readonly toolsReady: () => Promise<void>;
  readonly replies: Replies;
  /** Told of each turn that was answered, to sum up what grows too long. */
  readonly summaries?: Pick<Summaries, "afterTurn">;
  readonly events: EventBus;
  /** This process, for the claims in the store. */
  readonly owner: string;
  /** Aborts when the gateway stops and waits for the store no longer. */
  readonly givenUp: AbortSignal;
  /** Times a request is tried that ends the process. */
  readonly attempts: number;
  readonly now?: () => number;
}

/** A claimed request with what was settled for it, and what else is answered with it. */
type PlannedTurn = ClaimedRequest & TurnPlan & { readonly companions: AbsorbedRequests };

export class TurnRunner {
  readonly #options: TurnRunnerOptions;
  readonly #now: () => number;

  constructor(options: TurnRunnerOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Runs a request to its end. An abort with `shutting_down` puts it back instead. */
  readonly handle = async (
    queued: QueuedRequest,
    signal: AbortSignal,
    takeWaiting: TakeWaiting,
  ): Promise<void> => {
    const claimed = queued.begun ?? await this.#claim(queued);
    if (!claimed) return;
    const state = turnStateOf(claimed, claimed.message, { now: this.#now });
    const plan = await this.#options.planner.plan(claimed.message, state.account, signal);
    const { message, tier } = plan;
    state.userText = message.content;
    const options = { ...this.#options, takeWaiting, now: this.#now };
    const companions = new AbsorbedRequests(queued, claimed, options);
    const turn: PlannedTurn = { ...claimed, ...plan, companions };
    const model = isOnlyReset(message) ? resetModel : this.#options.llm.modelOf(tier);
    const { nodeId, requestId } = queued;
    const { dialect } = message;
    const reply = this.#options.replies.open(queued.seq, {
      nodeId,
      requestId,
      dialect,
      model,
      tier,
      proactive: message.task !== undefined,
    });
    try {
      const outcome = await this.#outcome(turn, reply, state, signal);
      if (outcome) await this.#finish(turn, reply, state, outcome);
      else await this.#putBack(claimed, state);
    } catch (error) {
      this.#leave(queued, error);
    }
  };

  /** Of a request that is to run: undefined where it is done, or must be left. */
  #claim(queued: QueuedRequest): Promise<ClaimedRequest | undefined> {
    const { requests, sessions, owner, givenUp } = this.#options;
    return retryUntilStored(() => {
      const now = this.#now();
      return requests.claim(queued.seq, { owner, now, idleBefore: sessions.idleBefore(now) });
    }, givenUp).catch((error) => this.#leave(queued, error));
  }

  /** Ends a request that was cancelled while it waited. */
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
    // Nobody asked, nobody waits for an end.
    if (task) return await requests.markDelivered({ seq, now: this.#now() });
    replies.open(seq, { nodeId, requestId, dialect, model: "", tier: "mid" });
    await replies.finish(seq, { type: "cancelled" });
  };

  /**
   * The claim is lost, or the gateway stops before the store takes writes again: whoever holds the
   * request next will answer it.
   */
  #leave({ seq, requestId }: QueuedRequest, error: unknown): undefined {
    this.#options.replies.abandon(seq);
    log.warn("Request {request} is left to its next claim: {error}", {
      request: requestId,
      error: errorText(error),
    });
  }

  /** The request's outcome; undefined when it is to be put back. */
  async #outcome(
    claimed: PlannedTurn,
    reply: Reply,
    state: TurnState,
    signal: AbortSignal,
  ): Promise<Outcome | undefined> {
    try {
      signal.throwIfAborted();
      if (claimed.attempt > this.#options.attempts) throw setAside(claimed.attempt - 1);
      if (claimed.refusal) throw claimed.refusal;
      reply.start();
      const result = await this.#run(claimed, reply, state, signal);
      const { tier, text } = reply;
      return { type: "reply", text, tier, ...result };
    } catch (error) {
      if (error instanceof ClaimLostError) throw error;
      if (signal.aborted) {
        const reason = signal.reason as GatewayError;
        return reason.code === "shutting_down" ? undefined : { type: "cancelled" };
      }
      return this.#failure(claimed, reply, error);
    }
  }

  #failure(claimed: ClaimedRequest, reply: Reply, thrown: unknown): Outcome {
    const { code, message, recoverable, details, cause } = toGatewayError(thrown);
    log.warn("Request {request} failed with {code}: {error}", {
      request: claimed.message.requestId,
      code,
      error: errorText(cause ?? thrown),
    });
    const partialText = reply.text || undefined;
    return { type: "error", code, message, recoverable, details, partialText };
  }

  async #run(
    claimed: PlannedTurn,
    reply: Reply,
    state: TurnState,
    signal: AbortSignal,
  ): Promise<TurnResult> {
    const { message, nodeId, platform, claim } = claimed;
    const { conversation } = state;
    const userId = message.user.id;
    const channelId = message.channel.id;
    const { sessions, givenUp } = this.#options;
    if (message.reset) {
      await retryUntilStored(() => sessions.reset({ conversation, userId }), givenUp);
    }
    if (isOnlyReset(message)) {
      reply.add(resetReply);
      return resetResult;
    }
    // It goes on while the rest is fetched, and never rejects.
    const recalled = this.#options.memory.recall(recallOf(claimed, signal));
    const session = await retryUntilStored(
      () => sessions.open({ nodeId, platform, userId, channelId, conversation }, claimed.claimedAt),
      givenUp,
    );
    state.sessionId = session.id;
    await this.#options.toolsReady();
    const { companions } = claimed;
    await companions.collect();
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
      if (fresh) await companions.steer(round);
      return companions.messages(round, { named });
    };
    return await this.#options.orchestrator.run({
      tier: claimed.tier,
      parts: [...context.parts, ...companions.parts(-1, { named })],
      onHistoryRoom: (tokens) => state.historyRoom ??= tokens,
      rounds: claimed.rounds,
      journal: new ClaimJournal(this.#options.requests, { claim, usage: state.usage, join }),
      context: toolContextOf(claimed, { sessionId: session.id }),
      show: (step) => showStep(reply, step),
      onUsage: state.usage.add,
      signal,
    });
  }

  /** Commits the outcome with its history, then sends it. */
  async #finish(
    claimed: PlannedTurn,
    reply: Reply,
    state: TurnState,
    outcome: Outcome,
  ): Promise<void> {
    const { requests, replies, memory, givenUp } = this.#options;
    const { seq } = claimed.claim;
    const now = this.#now();
    const { sessionId, conversation, userText } = state;
    const sent = toProactive(claimed.message, outcome);
    const text = sent.type === "proactive" ? sent.text : reply.text;
    const history = sessionId === undefined ? [] : historyLines(claimed, {
      userText,
      absorbed: claimed.companions.all,
      replyText: text,
      partial: outcome.type !== "reply" && sent.type !== "proactive",
      now,
    });
    const usage = state.usage.open();
    const exchange = memory.enabled ? exchangeOf(claimed, { outcome: sent, now }) : undefined;
    const end = { outcome: sent, now, sessionId, conversation, history, usage, exchange };
    try {
      if (!await retryUntilStored(() => requests.finish(claimed.claim, end), givenUp)) {
        throw new ClaimLostError();
      }
    } catch (error) {
      const refused = error instanceof StoreError && error.lasting && sessionId !== undefined;
      if (!refused) throw error;
      // Some of it the store can never take. The user is told, and the channel goes on.
      const bare = turnStateOf(claimed, claimed.message, { now: this.#now });
      return await this.#finish(claimed, reply, bare, this.#failure(claimed, reply, error));
    }
    emitEnd(this.#options.events, claimed, { outcome, now });
    if (exchange) memory.wake();
    if (state.historyRoom !== undefined) {
      this.#options.summaries?.afterTurn({ ...state, historyRoom: state.historyRoom });
    }
    // The next turn of the channel need not wait until a slow adapter has read this one's reply.
    replies.finish(seq, sent);
  }

  async #putBack({ claim }: ClaimedRequest, state: TurnState): Promise<void> {
    const { replies, requests, usage, givenUp } = this.#options;
    replies.abandon(claim.seq);
    // It will be asked for once more, and was paid for all the same.
    await retryUntilStored(() => usage.add(state.usage.open()), givenUp);
    await retryUntilStored(() => requests.release(claim), givenUp);
  }
}

function setAside(tries: number): GatewayError {
  return new GatewayError(
    "internal_error",
    `This message was set aside: the gateway ended ${tries} times while it worked on it.`,
  );
}
