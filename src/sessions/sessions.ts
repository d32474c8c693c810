/**
 * Sessions: one user's conversation in one channel (and thread), begun by the first message, kept
 * alive by each, ended when idle for too long, each day, or when asked. The processor opens them; the gateway sweeps them.
 */

import { errorText } from "../lib/error_text.ts";
import { type EventBus, eventOrigin } from "../domain/events.ts";
import { logger } from "../logging/log.ts";
import type { Conversation } from "../domain/keys.ts";
import type { Session, SessionStore } from "../store/session_store.ts";
import type { DailyReset } from "./daily_reset.ts";

const log = logger("sessions");

/** How many idle sessions are ended in one transaction, so that a sweep never holds up a message. */
const sweepBatch = 200;

/** What {@linkcode Sessions} are given. */
export interface SessionsOptions {
  readonly store: SessionStore;
  readonly events: EventBus;
  /** Idle time after which a session ends, milliseconds. */
  readonly idleMs: number;
  /** When all sessions end each day, where they do. */
  readonly dailyReset?: DailyReset;
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

  /** Sessions that nobody has used since then are over, at the time `now`. */
  idleBefore(now: number): number {
    const { idleMs, dailyReset } = this.#options;
    return Math.max(now - idleMs, dailyReset?.last(now) ?? 0);
  }

  /** The user's session in a conversation, in use at the time `at`; a new one where none runs. */
  async open(
    origin: {
      readonly nodeId: string;
      readonly platform: string;
      readonly userId: string;
      readonly channelId: string;
      readonly conversation: Conversation;
    },
    at = this.#now(),
  ): Promise<Session> {
    const { session, created, ended } = await this.#options.store.open({
      ...origin,
      id: this.#newId(),
      now: at,
      idleBefore: this.idleBefore(at),
    });
    if (ended) this.#emitEnd(ended, at);
    if (created) this.#options.events.emit("session:start", sessionOrigin(session));
    return session;
  }

  /** Ends the user's running session in a conversation because somebody asked for it, if there is one. */
  async reset(
    who: { readonly conversation: Conversation; readonly userId: string },
  ): Promise<Session | undefined> {
    return this.#emitReset(await this.#options.store.end({ ...who, now: this.#now() }));
  }

  /** The same for a session by its id. */
  async resetById(id: string): Promise<Session | undefined> {
    return this.#emitReset(await this.#options.store.endById({ id, now: this.#now() }));
  }

  /** Ends all sessions that have been idle for too long; gives their count. */
  async sweep(): Promise<number> {
    let count = 0;
    for (;;) {
      const now = this.#now();
      const ended = await this.#options.store.endIdle({
        idleBefore: this.idleBefore(now),
        now,
        limit: sweepBatch,
      });
      ended.forEach((session) => this.#emitEnd(session, now));
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

  #emitReset(session: Session | undefined): Session | undefined {
    if (session) {
      this.#options.events.emit("session:end", { ...sessionOrigin(session), reason: "reset" });
    }
    return session;
  }

  #emitEnd(session: Session, now: number): void {
    const { events, idleMs } = this.#options;
    const origin = sessionOrigin(session);
    if (session.activeAt >= now - idleMs) {
      return events.emit("session:end", { ...origin, reason: "daily_reset" });
    }
    const idle_seconds = Math.round((now - session.activeAt) / 1000);
    events.emit("session:timeout", { ...origin, idle_seconds });
    events.emit("session:end", { ...origin, reason: "timeout" });
  }
}

function sessionOrigin(session: Session) {
  return { ...eventOrigin(session), session_id: session.id };
}
