/**
 * A clock that tests advance. Its timers count elapsed time, as real ones do; the time it shows can
 * be set to anything.
 */

import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../src/automation/scheduler/clock.ts";

/** Options of a {@linkcode FakeClock}. */
export interface FakeClockOptions {
  /** The time it shows first, in ISO 8601. */
  readonly at: string;
  /** Whether work started by a timer is still running; it is awaited for a limited time. */
  readonly busy?: () => boolean;
}

interface Timer {
  readonly due: number;
  readonly callback: () => void;
}

/** How many event-loop turns such work may take. */
const maxTurns = 300;

export class FakeClock implements Clock {
  readonly #busy: () => boolean;
  readonly #timers = new Set<Timer>();
  /** Elapsed time, milliseconds. */
  #passed = 0;
  /** The time shown, less the elapsed time. */
  #offset: number;

  constructor({ at, busy = () => false }: FakeClockOptions) {
    this.#offset = Date.parse(at);
    this.#busy = busy;
  }

  readonly now = (): number => this.#offset + this.#passed;

  readonly after = (ms: number, callback: () => void): () => void => {
    const timer = { due: this.#passed + Math.max(ms, 0), callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Advances time, firing timers one by one. */
  async advance(ms: number): Promise<void> {
    const end = this.#passed + ms;
    await this.settle();
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.due - b.due)[0];
      if (!next || next.due > end) break;
      this.#timers.delete(next);
      this.#passed = Math.max(this.#passed, next.due);
      next.callback();
      await this.settle();
    }
    this.#passed = end;
  }

  /** Advances time until the clock shows `at`. */
  advanceTo(at: string): Promise<void> {
    return this.advance(Date.parse(at) - this.now());
  }

  /** Sets the time shown, as people, NTP and a waking machine do; no time elapses. */
  set(at: string | number): void {
    this.#offset = (typeof at === "string" ? Date.parse(at) : at) - this.#passed;
  }

  /** Lets started work finish: the store answers at the end of an event-loop turn. */
  async settle(): Promise<void> {
    let turns = 0;
    do {
      // Turns for a read, a write and what follows it.
      for (let turn = 0; turn < 3; turn++) await setImmediate();
    } while (this.#busy() && ++turns < maxTurns);
  }
}
