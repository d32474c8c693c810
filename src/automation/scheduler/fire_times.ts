/**
 * When a schedule fires. Cron expressions are parsed by croner. At a daylight saving change, an expression
 * with a single time of day fires right after the gap if that time does not exist, and only the first
 * time if it exists twice. Expressions with several hours or minutes skip times in the gap and fire for
 * both passes of the repeated hour.
 */

import { Cron } from "croner";
import type { Schedule } from "./task.ts";

/** The fire times of one schedule, in milliseconds since the epoch. */
export class FireTimes {
  readonly #schedule: Schedule;
  readonly #anchorAt: number;
  readonly #cron?: Cron;

  /**
   * @param options.anchorAt when intervals and delays start.
   * @throws {Error} if the cron expression or its time zone is invalid.
   */
  constructor(schedule: Schedule, options: { readonly anchorAt: number }) {
    this.#schedule = schedule;
    this.#anchorAt = options.anchorAt;
    if (schedule.type === "cron") this.#cron = parseCron(schedule.cron, schedule.timezone);
  }

  /** Returns the first fire time after `after`, if there is one. */
  next(after: number): number | undefined {
    const schedule = this.#schedule;
    switch (schedule.type) {
      case "cron":
        return this.#cron!.nextRun(new Date(after))?.getTime();
      case "interval": {
        const first = this.#first(schedule);
        if (after < first) return first;
        const count = Math.floor((after - first) / schedule.intervalMs) + 1;
        return first + count * schedule.intervalMs;
      }
      case "one_shot": {
        const at = "runAt" in schedule ? schedule.runAt : this.#anchorAt + schedule.delayMs;
        return at > after ? at : undefined;
      }
    }
  }

  /** Returns the last fire times after `after` and up to `now`, at most `limit`, in ascending order. */
  due(
    { after, now, limit }: { readonly after: number; readonly now: number; readonly limit: number },
  ): readonly number[] {
    const schedule = this.#schedule;
    let times: readonly number[];
    if (schedule.type === "cron") {
      // Croner excludes its reference time and works in whole seconds.
      const reference = new Date(Math.floor(now / 1000) * 1000 + 1000);
      times = this.#cron!.previousRuns(limit, reference)
        .map((date) => date.getTime()).filter((time) => time > after && time <= now).reverse();
    } else if (schedule.type === "interval") {
      const first = this.#first(schedule);
      const last = first + Math.floor((now - first) / schedule.intervalMs) * schedule.intervalMs;
      times = Array.from({ length: limit }, (_, back) => last - back * schedule.intervalMs)
        .filter((time) => time > after && time >= first && time <= now).reverse();
    } else {
      const at = this.next(-Infinity)!;
      times = at > after && at <= now ? [at] : [];
    }
    return times;
  }

  #first({ delayMs, intervalMs }: Extract<Schedule, { type: "interval" }>): number {
    return this.#anchorAt + (delayMs ?? intervalMs);
  }
}

/** Parses a cron expression. @throws {Error} if it or the time zone is invalid. */
export function parseCron(expression: string, timezone?: string): Cron {
  if (timezone !== undefined) {
    try {
      new Intl.DateTimeFormat("en", { timeZone: timezone });
    } catch {
      throw new Error(`expected an IANA time zone such as "Europe/Berlin", found "${timezone}"`);
    }
  }
  let cron: Cron;
  try {
    cron = new Cron(expression, { timezone, paused: true, mode: "5-or-6-parts" });
  } catch (error) {
    const why = (error as Error).message.replace(/^CronPattern: /, "");
    throw new Error(`expected a cron expression of 5 or 6 fields: ${why}`);
  }
  if (!cron.nextRun()) throw new Error(`"${expression}" never fires: there is no such date`);
  return cron;
}
