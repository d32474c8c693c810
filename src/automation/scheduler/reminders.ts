/** Delivers reminders: when one is due, it becomes a prompt in the channel where it was set. */

import { isoTime } from "../../lib/iso_time.ts";
import { errorText } from "../../lib/error_text.ts";
import { type EventBus, eventOrigin } from "../../domain/events.ts";
import { logger } from "../../logging/log.ts";
import type { Reminder, ReminderStore } from "../../store/reminder_store.ts";
import { Alarm, type Clock, systemClock } from "./clock.ts";
import type { PromptPort } from "./prompt.ts";

const log = logger("automation", "scheduler", "reminders");

/** Reminders read from the store at a time. */
const batchSize = 100;
/** The delay before a failed delivery is retried, milliseconds. */
const retryMs = 10_000;

/** Options of {@linkcode ReminderScheduler}. */
export interface ReminderSchedulerOptions {
  readonly store: ReminderStore;
  readonly prompts: PromptPort;
  readonly events: EventBus;
  readonly clock?: Clock;
  /** Most reminders of one user. Default: 100. */
  readonly cap?: number;
}

/** A reminder to be set. */
export type NewReminder = Omit<Reminder, "createdAt">;

export class ReminderScheduler {
  readonly #options: ReminderSchedulerOptions;
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  /** Polls run one after the other. */
  #polling: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ReminderSchedulerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#alarm = new Alarm(this.#clock, () => this.poll());
  }

  /** Stores a reminder; returns false if its user has too many. */
  async add(reminder: NewReminder): Promise<boolean> {
    const { store, cap = 100 } = this.#options;
    const added = await store.add({ ...reminder, createdAt: this.#clock.now() }, { cap });
    if (added) this.poll();
    return added;
  }

  /** Returns a user's reminders, earliest first. */
  forUser(userKey: string): Promise<readonly Reminder[]> {
    return this.#options.store.forUser(userKey);
  }

  /** Deletes one of a user's reminders; returns false if there is none with this id. */
  cancel(id: string, options: { readonly userKey: string }): Promise<boolean> {
    return this.#options.store.remove(id, options);
  }

  /** Delivers what is due and sets the alarm for the next reminder. */
  poll(): Promise<void> {
    this.#polling = this.#polling.then(() => this.#poll()).catch((error) => {
      log.warn("Cannot read reminders: {error}", { error: errorText(error) });
      if (!this.#stopped) this.#alarm.set(this.#clock.now() + retryMs);
    });
    return this.#polling;
  }

  /** Stops; resolves when deliveries in progress are done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#alarm[Symbol.dispose]();
    await this.#polling;
  }

  async #poll(): Promise<void> {
    const { store } = this.#options;
    for (;;) {
      if (this.#stopped) return;
      const due = await store.due({ now: this.#clock.now(), limit: batchSize });
      for (const reminder of due) await this.#deliver(reminder);
      if (due.length < batchSize) break;
    }
    const next = await store.nextDueAt();
    if (!this.#stopped) this.#alarm.set(next);
  }

  async #deliver(reminder: Reminder): Promise<void> {
    const { store, prompts, events } = this.#options;
    const { id, nodeId, platform, user, channel, text, dueAt, createdAt } = reminder;
    const task = `reminder-${id}`;
    try {
      // The id is the idempotency key, so a delivery repeated after a crash is not answered twice.
      await prompts.submit({
        requestId: task,
        task,
        text: `(A reminder that is due now. The user set it on ${isoTime(createdAt)}. ` +
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
      log.warn("Cannot deliver reminder {id}, will retry: {error}", {
        id,
        error: errorText(error),
      });
      await store.postpone(id, { to: this.#clock.now() + retryMs });
    }
  }
}
