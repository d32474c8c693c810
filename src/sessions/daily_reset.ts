/** The time of day at which all sessions end. Croner knows the clocks of time zones. */

import { Cron } from "croner";
import { parseTimeOfDay } from "../lib/time_of_day.ts";

export class DailyReset {
  readonly #cron: Cron;
  /** The newest reset that is known of, and the one after it. */
  #last = 0;
  #next = 0;

  /**
   * @param at the time of day, such as `04:00`.
   * @param timeZone an IANA time zone; the machine's where it is missing.
   * @throws {Error} where one of them is wrong.
   */
  constructor(at: string, timeZone?: string) {
    const [hour, minute] = parseTimeOfDay(at);
    this.#cron = new Cron(`${minute} ${hour} * * *`, { timezone: timeZone, paused: true });
  }

  /** The newest reset up to `now`, milliseconds since the epoch. */
  last(now: number): number {
    if (now < this.#last || now >= this.#next) {
      // Croner's reference is exclusive, and whole seconds are all it knows.
      const reference = new Date(Math.floor(now / 1000) * 1000 + 1000);
      this.#last = this.#cron.previousRuns(1, reference)[0]?.getTime() ?? 0;
      this.#next = this.#cron.nextRun(new Date(now))?.getTime() ?? Infinity;
    }
    return this.#last;
  }
}
