/** How many turns may run at once: those that do, and those that are kept for messages being committed. */

export class ConcurrencyLimiter {
  readonly #most: number;
  #active = 0;
  #kept = 0;
  #closed = false;
  #whenIdle?: () => void;

  constructor(most: number) {
    this.#most = most;
  }

  /** Turns that run. */
  get active(): number {
    return this.#active;
  }

  /** Whether one more may run. */
  get free(): boolean {
    return !this.#closed && this.#active + this.#kept < this.#most;
  }

  begin(): void {
    this.#active++;
  }

  end(): void {
    this.#active--;
  }

  /** Keeps one for a turn that is about to begin. */
  keep(): void {
    this.#kept++;
  }

  giveBack(): void {
    this.#kept--;
  }

  /** From now on none is free; resolves when nothing runs or is kept, which `look` finds. */
  close(): Promise<void> {
    this.#closed = true;
    return new Promise((resolve) => {
      this.#whenIdle = resolve;
      this.look();
    });
  }

  /** Called once all that follows a change has been done: a kept turn may have begun. */
  look(): void {
    if (this.#active + this.#kept === 0) this.#whenIdle?.();
  }
}
