/**
 * Reminders: kept in the store until they are due, then put into their channel as a prompt. Users make
 * them with the tool `schedule_reminder`; the gateway starts this.
 */

import { isoTime } from "../../lib/iso_time.ts";
import { errorText } from "../../lib/error_text.ts";
import { type EventBus, eventOrigin } from "../../domain/events.ts";
import { logger } from "../../logging/log.ts";
import type { Reminder, ReminderStore } from "../../store/reminder_store.ts";
import { Alarm, type Clock, systemClock } from "./clock.ts";
import type { PromptPort } from "./prompt.ts";

const log = logger("automation", "scheduler", "reminders");

/** How many are read at a time. */
const batch = 100;
/** How long one that cannot be put into its channel is put off, milliseconds. */
const retryMs = 10_000;

/** What {@linkcode ReminderScheduler} are given. */
export interface ReminderSchedulerOptions {
  readonly store: ReminderStore;
  readonly prompts: PromptPort;
  readonly events: EventBus;
  readonly clock?: Clock;
  /** Reminders that one user may have. Default: 100. */
  readonly cap?: number;
}

/** A wish to be reminded. */
export type NewReminder = Omit<Reminder, "createdAt">;

export class ReminderScheduler {
  readonly #options: ReminderSchedulerOptions;
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  /** Looks at the clock, one after the other. */
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ReminderSchedulerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#alarm = new Alarm(this.#clock, () => this.look());
  }

  /** Keeps a reminder; false where its user has as many as allowed. */
  async add(reminder: NewReminder): Promise<boolean> {
    const { store, cap = 100 } = this.#options;
    const kept = await store.add({ ...reminder, createdAt: this.#clock.now() }, { cap });
    if (kept) this.look();
    return kept;
  }

  /** A user's reminders, the earliest first. */
  ofUser(userKey: string): Promise<readonly Reminder[]> {
    return this.#options.store.ofUser(userKey);
  }

  /** Drops one of a user's reminders; false where there is none of this id. */
  cancel(id: string, options: { readonly userKey: string }): Promise<boolean> {
    return this.#options.store.remove(id, options);
  }

  /** Takes up what is due and sets the alarm for the next. Its own alarm calls it; tests may. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look()).catch((error) => {
      log.warn("Cannot look for reminders: {error}", { error: errorText(error) });
      if (!this.#stopped) this.#alarm.set(this.#clock.now() + retryMs);
    });
    return this.#looking;
  }

  /** Takes up no more; resolves when those in hand are in their channels. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#alarm[Symbol.dispose]();
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { store } = this.#options;
    for (;;) {
      if (this.#stopped) return;
      const due = await store.due({ now: this.#clock.now(), limit: batch });
      for (const reminder of due) await this.#deliver(reminder);
      if (due.length < batch) break;
    }
    const next = await store.nextDueAt();
    if (!this.#stopped) this.#alarm.set(next);
  }

  async #deliver(reminder: Reminder): Promise<void> {
    const { store, prompts, events } = this.#options;
    const { id, nodeId, platform, user, channel, text, dueAt, createdAt } = reminder;
    const task = `reminder-${id}`;
    try {
      // Its id is the key: taken up again after a crash, it is not answered again.
      await prompts.submit({
        requestId: task,
        task,
        text: `(A reminder that is due now. On ${isoTime(createdAt)} the user asked for it. ` +
          `Remind them in a short message, nothing else.)\n${text}`,
        to: { nodeId, platform, user, channel },
        fallback: `⏰ ${text}`,
      });
      await store.remove(id);
      events.emit("scheduler:task_run", {
        ...eventOrigin({ nodeId, platform, userId: user.id, channelId: channel.id }),
        task_name: task,
        task_type: "reminder",
        fire_at: isoTime(dueAt),
      });
    } catch (error) {
      log.warn("Reminder {id} is put off: {error}", { id, error: errorText(error) });
      await store.postpone(id, { to: this.#clock.now() + retryMs });
    }
  }
}
