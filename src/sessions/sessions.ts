/**
 * Sessions: one user's conversation in one channel (and thread). The first message starts a session, each
 * message keeps it alive, and it ends when idle, at the daily reset, or on request.
 */

import { Cron } from "croner";
import { errorText } from "../lib/error_text.ts";
import { parseTimeOfDay } from "../lib/iso_time.ts";
import { type EventBus, eventOrigin } from "../domain/events.ts";
import { logger } from "../logging/log.ts";
import type { Conversation } from "../domain/keys.ts";
import type { Session, SessionStore } from "../store/session_store.ts";

const log = logger("sessions");

/** Idle sessions ended in one transaction, few enough that a sweep never delays a message. */
const sweepBatch = 200;

/** Options of {@linkcode Sessions}. */
export interface SessionsOptions {
  readonly store: SessionStore;
  readonly events: EventBus;
  /** Idle time after which a session ends, milliseconds. */
  readonly idleMs: number;
  /** When all sessions end each day; missing means never. */
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

  /** Returns the time since which a session must have been used to be still open at `now`. */
  idleBefore(now: number): number {
    const { idleMs, dailyReset } = this.#options;
    return Math.max(now - idleMs, dailyReset?.last(now) ?? 0);
  }

  /** Returns the user's open session in a conversation and marks it as used; starts one if needed. */
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

  /** Ends the user's open session in a conversation on request, if there is one. */
  async reset(
    who: { readonly conversation: Conversation; readonly userId: string },
  ): Promise<Session | undefined> {
    return this.#emitReset(await this.#options.store.end({ ...who, now: this.#now() }));
  }

  /** Ends a session by its id on request. */
  async resetById(id: string): Promise<Session | undefined> {
    return this.#emitReset(await this.#options.store.endById({ id, now: this.#now() }));
  }

  /** Ends all idle sessions and returns their number. */
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

  /** Sweeps every `intervalMs` milliseconds until disposed. */
  startSweeping(intervalMs: number): void {
    this.#timer = setInterval(() => {
      this.sweep().catch((error) =>
        log.warn("Cannot end idle sessions: {error}", { error: errorText(error) })
      );
    }, intervalMs);
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

/** The time of day at which all sessions end. */
export class DailyReset {
  readonly #cron: Cron;
  /** The last reset looked up, and the one after it. */
  #last = 0;
  #next = 0;

  /**
   * @param at the time of day, such as `04:00`.
   * @param timeZone an IANA time zone; default: the machine's.
   * @throws {Error} if either is invalid.
   */
  constructor(at: string, timeZone?: string) {
    const [hour, minute] = parseTimeOfDay(at);
    this.#cron = new Cron(`${minute} ${hour} * * *`, { timezone: timeZone, paused: true });
  }

  /** Returns the last reset up to `now`, milliseconds since the epoch. */
  last(now: number): number {
    if (now < this.#last || now >= this.#next) {
      // Croner excludes its reference time and works in whole seconds.
      const reference = new Date(Math.floor(now / 1000) * 1000 + 1000);
      this.#last = this.#cron.previousRuns(1, reference)[0]?.getTime() ?? 0;
      this.#next = this.#cron.nextRun(new Date(now))?.getTime() ?? Infinity;
    }
    return this.#last;
  }
}

function sessionOrigin(session: Session) {
  return { ...eventOrigin(session), session_id: session.id };
}
