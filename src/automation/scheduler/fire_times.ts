/**
 * When a schedule fires. Pure; croner reads the cron expressions. Where the clocks change, one time of
 * day that does not exist fires right after the gap, and one that comes twice fires the first time.
 * What has several hours or minutes goes on evenly: those in the gap are left out, those of the hour
 * that comes twice fire twice.
 */

import { Cron } from "croner";
import type { Schedule } from "./task.ts";

/** The fire times of one schedule, milliseconds since the epoch. */
export class FireTimes {
  readonly #schedule: Schedule;
  readonly #anchorAt: number;
  readonly #cron?: Cron;

  /**
   * @param options.anchorAt from when intervals and delays count.
   * @throws {Error} where the cron expression or its time zone is wrong.
   */
  constructor(schedule: Schedule, options: { readonly anchorAt: number }) {
    this.#schedule = schedule;
    this.#anchorAt = options.anchorAt;
    if (schedule.type === "cron") this.#cron = parseCron(schedule.cron, schedule.timezone);
  }

  /** The first fire time after `after`; undefined where there is none. */
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

  /** The newest fire times after `after` and up to `now`, at most `limit`, the oldest first. */
  due(
    { after, now, limit }: { readonly after: number; readonly now: number; readonly limit: number },
  ): readonly number[] {
    const schedule = this.#schedule;
    let times: readonly number[];
    if (schedule.type === "cron") {
      // Croner's reference is exclusive, and whole seconds are all it knows.
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

/** @throws {Error} with what is wrong about the expression or the time zone. */
export function parseCron(expression: string, timezone?: string): Cron {
  if (timezone !== undefined) {
    try {
      new Intl.DateTimeFormat("en", { timeZone: timezone });
    } catch {
      throw new Error(`expected an IANA time zone such as "Europe/Berlin", found "${timezone}"`);
    }
  }
  try {
    return new Cron(expression, { timezone, paused: true, mode: "5-or-6-parts" });
  } catch (error) {
    const why = (error as Error).message.replace(/^CronPattern: /, "");
    throw new Error(`expected a cron expression of 5 or 6 fields: ${why}`);
  }
}
