/** How a turn ends: its outcome, what is committed with it, and who is told afterwards. */

import { renderAttachments } from "../context/attachments.ts";
import type { Replies } from "../delivery/replies.ts";
import type { Reply } from "../delivery/reply.ts";
import { GatewayError, StoreError, toGatewayError } from "../domain/errors.ts";
import { type EventBus, eventOrigin } from "../domain/events.ts";
import { platformKey } from "../domain/keys.ts";
import type { UserMessage } from "../domain/message.ts";
import type { AbsorbedRequest, ClaimedRequest, Outcome } from "../domain/request.ts";
import { errorText } from "../lib/error_text.ts";
import { logger } from "../logging/log.ts";
import type { UserMemory } from "../memory/user_memory.ts";
import type { Exchange } from "../store/exchange_store.ts";
import type { NewHistoryEntry } from "../store/history_store.ts";
import type { RequestStore } from "../store/request_store.ts";
import type { Summaries } from "../summaries/summaries.ts";
import { ClaimLostError } from "./journal.ts";
import { retryUntilStored } from "./retry_until_stored.ts";
import { type TurnState, turnStateOf } from "./state.ts";

const log = logger("turn");

/** Characters of a user's message, attachments included, that history keeps. */
const maxHistoryChars = 250_000;
/** Characters of either side of an exchange that the memory learns from. */
const maxExchangeChars = 8_000;

/** Options of an {@linkcode OutcomeRecorder}. */
export interface OutcomeRecorderOptions {
  readonly requests: Pick<RequestStore, "finish">;
  readonly replies: Pick<Replies, "finish">;
  readonly memory: Pick<UserMemory, "enabled" | "wake">;
  /** Summarises conversations that have grown too long. */
  readonly summaries?: Pick<Summaries, "afterTurn">;
  readonly events: EventBus;
  /** Aborts when the gateway stops and no longer waits for the store. */
  readonly givenUp: AbortSignal;
  readonly now: () => number;
}

/** A turn that has ended. */
export interface EndedTurn {
  readonly claimed: ClaimedRequest;
  /** Further messages that were answered with it. */
  readonly absorbed: readonly AbsorbedRequest[];
  readonly reply: Reply;
  readonly state: TurnState;
}

/** Commits outcomes, and only then lets the last frame leave. */
export class OutcomeRecorder {
  readonly #options: OutcomeRecorderOptions;

  constructor(options: OutcomeRecorderOptions) {
    this.#options = options;
  }

  /** Commits an outcome with its history, usage and exchange, then sends it. @throws {ClaimLostError} */
  async finish(turn: EndedTurn, outcome: Outcome): Promise<void> {
    const { requests, replies, memory, events, summaries, givenUp } = this.#options;
    const { claimed, state } = turn;
    const now = this.#options.now();
    const sent = toProactive(claimed.message, outcome);
    const exchange = memory.enabled ? exchangeOf(claimed, { outcome: sent, now }) : undefined;
    const end = {
      outcome: sent,
      now,
      sessionId: state.sessionId,
      conversation: state.conversation,
      history: state.sessionId === undefined ? [] : historyOf(turn, { outcome, sent, now }),
      usage: state.usage.pending(),
      exchange,
    };
    try {
      if (!await retryUntilStored(() => requests.finish(claimed.claim, end), givenUp)) {
        throw new ClaimLostError();
      }
    } catch (error) {
      const permanent = error instanceof StoreError && error.lasting;
      if (!permanent || state.sessionId === undefined) throw error;
      // The store can never accept some of it. The user is told, and the channel continues.
      const bare = turnStateOf(claimed, claimed.message, { now: this.#options.now });
      return await this.finish({ ...turn, state: bare }, failureOf(claimed, turn.reply, error));
    }
    emitEnd(events, claimed, { outcome, now });
    if (exchange) memory.wake();
    if (state.historyRoom !== undefined) {
      summaries?.afterTurn({ ...state, historyRoom: state.historyRoom });
    }
    // The channel's next turn need not wait until a slow adapter has read this reply.
    replies.finish(claimed.claim.seq, sent);
  }
}

/** The outcome of a turn that threw. */
export function failureOf(claimed: ClaimedRequest, reply: Reply, thrown: unknown): Outcome {
  const { code, message, recoverable, details, cause } = toGatewayError(thrown);
  log.warn("Request {request} failed with {code}: {error}", {
    request: claimed.message.requestId,
    code,
    error: errorText(cause ?? thrown),
  });
  const partialText = reply.text || undefined;
  return { type: "error", code, message, recoverable, details, partialText };
}

/** The error of a message that crashed the gateway too often. */
export function setAside(attempts: number): GatewayError {
  return new GatewayError(
    "internal_error",
    `This message was set aside: the gateway crashed ${attempts} times while processing it.`,
  );
}

/** The lines that a turn adds to history: the question, and the answer if there was one. */
function historyOf(
  { claimed: { message: { user }, acceptedAt }, absorbed, reply, state }: EndedTurn,
  { outcome, sent, now }: {
    readonly outcome: Outcome;
    readonly sent: Outcome;
    readonly now: number;
  },
): readonly NewHistoryEntry[] {
  const speaker = { userId: user.id, userName: user.name };
  const asked = [
    {
      ...speaker,
      role: "user",
      content: capped(state.userText),
      partial: false,
      at: acceptedAt,
    } as const,
    ...absorbed.map(({ message, acceptedAt: at }) => ({
      userId: message.user.id,
      userName: message.user.name,
      role: "user" as const,
      content: capped(renderAttachments(message)),
      partial: false,
      at,
    })),
  ];
  const content = sent.type === "proactive" ? sent.text : reply.text;
  if (content === "") return asked;
  const partial = outcome.type !== "reply" && sent.type !== "proactive";
  return [...asked, { ...speaker, role: "assistant", content, partial, at: now }];
}

function capped(text: string): string {
  if (text.length <= maxHistoryChars) return text;
  const more = text.length - maxHistoryChars;
  return `${text.slice(0, maxHistoryChars)}\n[${more} more characters were not kept]`;
}

/** What the memory learns from; undefined if nobody asked or the answer is incomplete. */
function exchangeOf(
  { message, nodeId, platform, claim }: ClaimedRequest,
  { outcome, now }: { readonly outcome: Outcome; readonly now: number },
): Exchange | undefined {
  if (outcome.type !== "reply" || message.task || message.content.trim() === "") return undefined;
  const { user, channel, content } = message;
  return {
    key: `${nodeId}/${message.requestId}`,
    userKey: platformKey(platform, user.id),
    userName: user.name,
    channelKey: claim.channelKey,
    channelType: channel.type,
    question: content.slice(0, maxExchangeChars),
    answer: outcome.text.slice(0, maxExchangeChars),
    at: now,
  };
}

function emitEnd(
  events: EventBus,
  claimed: ClaimedRequest,
  { outcome, now }: { readonly outcome: Outcome; readonly now: number },
): void {
  const origin = eventOrigin(claimed);
  switch (outcome.type) {
    case "reply":
      return events.emit("message:sent", {
        ...origin,
        content: outcome.text,
        tool_count: outcome.toolCount,
        duration_ms: now - claimed.acceptedAt,
      });
    case "cancelled":
      return events.emit("message:cancelled", origin);
    case "error":
      return events.emit("message:error", {
        ...origin,
        code: outcome.code,
        message: outcome.message,
      });
    case "proactive":
      // A turn's own outcome is one of the above; only what is stored becomes proactive.
      return;
  }
}

/** Converts an outcome if the message came from a task; returns it unchanged otherwise. */
function toProactive(message: UserMessage, outcome: Outcome): Outcome {
  const { task, user, channel, priority } = message;
  if (!task) return outcome;
  const silent = { type: "proactive", user, channel, priority, text: "", files: [] } as const;
  switch (outcome.type) {
    case "reply":
      return { ...silent, text: outcome.text, files: outcome.files };
    case "error": {
      const { type: _, partialText: __, ...error } = outcome;
      return { ...silent, text: task.fallback ?? "", error };
    }
    case "cancelled":
    case "proactive":
      return silent;
  }
}
