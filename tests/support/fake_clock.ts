/**
 * A clock that a test moves. Its timers count the time that passes, as real ones do; what the clock
 * shows may be set to anything. The scheduler's and the reminders' tests run on it.
 */

import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../src/automation/scheduler/clock.ts";

/** What a {@linkcode FakeClock} is made of. */
export interface FakeClockOptions {
  /** What it shows at first: ISO 8601. */
  readonly at: string;
  /** Whether what a timer has begun still goes on; it is waited for, but not forever. */
  readonly busy?: () => boolean;
}

interface Timer {
  readonly due: number;
  readonly callback: () => void;
}

/** Turns of the event loop that what a timer has begun may take. */
const patience = 300;

export class FakeClock implements Clock {
  readonly #busy: () => boolean;
  readonly #timers = new Set<Timer>();
  /** What has passed since the beginning, milliseconds. */
  #passed = 0;
  /** What the clock shows, less what has passed. */
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

  /** Lets time pass, one timer after the other. */
  async pass(ms: number): Promise<void> {
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

  /** Lets time pass until the clock shows this. */
  passUntil(at: string): Promise<void> {
    return this.pass(Date.parse(at) - this.now());
  }

  /** Sets what the clock shows, as people, NTP and a machine that wakes up do: no time passes. */
  set(at: string | number): void {
    this.#offset = (typeof at === "string" ? Date.parse(at) : at) - this.#passed;
  }

  /** Lets what was begun come to its end: the store answers at the end of a turn of the event loop. */
  async settle(): Promise<void> {
    let turns = 0;
    do {
      // One for a read, a write and what follows on it.
      for (let turn = 0; turn < 3; turn++) await setImmediate();
    } while (this.#busy() && ++turns < patience);
  }
}
