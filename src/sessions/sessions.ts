/**
 * Sessions: one user's conversation in one channel (and thread), begun by the first message, kept
 * alive by each, ended when idle for too long. The processor opens them; the gateway sweeps them.
 */

import { errorText } from "../errors.ts";
import type { EventBus } from "../events.ts";
import { logger } from "../log.ts";
import type { Conversation } from "../store/history_store.ts";
import type { Session, SessionStore } from "../store/session_store.ts";

const log = logger("sessions");

/** How many idle sessions are ended in one transaction, so that a sweep never holds up a message. */
const sweepBatch = 200;

/** What {@linkcode Sessions} are given. */
export interface SessionsOptions {
  readonly store: SessionStore;
  readonly events: EventBus;
  /** Idle time after which a session ends, milliseconds. */
  readonly idleMs: number;
  readonly now?: () => number;
  readonly newId?: () => string;
}

export class Sessions implements Disposable {
  readonly #options: SessionsOptions;
  readonly #now: () => number;
  readonly #newId: () => string;
  #timer?: ReturnType<typeof setInterval>;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#newId = options.newId ?? (() => crypto.randomUUID());
  }

  /** The user's running session in a conversation, touched; a new one where there is none. */
  async open(
    origin: {
      readonly nodeId: string;
      readonly platform: string;
      readonly userId: string;
      readonly channelId: string;
      readonly conversation: Conversation;
    },
  ): Promise<Session> {
    const now = this.#now();
    const { session, created, ended } = await this.#options.store.open({
      ...origin,
      id: this.#newId(),
      now,
      idleBefore: now - this.#options.idleMs,
    });
    if (ended) this.#emitTimeout(ended);
    if (created) this.#options.events.emit("session:start", originOf(session));
    return session;
  }

  /** Ends all sessions that have been idle for too long; gives their count. */
  async sweep(): Promise<number> {
    let count = 0;
    for (;;) {
      const now = this.#now();
      const ended = await this.#options.store.endIdle({
        idleBefore: now - this.#options.idleMs,
        now,
        limit: sweepBatch,
      });
      ended.forEach((session) => this.#emitTimeout(session));
      count += ended.length;
      if (ended.length < sweepBatch) return count;
    }
  }

  /** Sweeps every `everyMs` until disposed of. */
  startSweeping(everyMs: number): void {
    this.#timer = setInterval(() => {
      this.sweep().catch((error) =>
        log.warn("Cannot end idle sessions: {error}", { error: errorText(error) })
      );
    }, everyMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #emitTimeout(session: Session): void {
    const idle_seconds = Math.round((this.#now() - session.activeAt) / 1000);
    this.#options.events.emit("session:timeout", { ...originOf(session), idle_seconds });
    this.#options.events.emit("session:end", { ...originOf(session), reason: "timeout" });
  }
}

function originOf(session: Session) {
  return {
    session_id: session.id,
    node_id: session.nodeId,
    platform: session.platform,
    user_id: session.userId,
    channel_id: session.channelId,
  };
}
