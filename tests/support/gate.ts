/** A door that a test opens when it likes. Scripted LLM replies and fake tools wait at one. */

/** Holds back whoever awaits `opened` until `open()` is called. */
export class Gate {
  readonly #door = Promise.withResolvers<void>();
  #isOpen = false;

  /** Resolves when the gate is open, at once if it is. */
  get opened(): Promise<void> {
    return this.#door.promise;
  }

  /** Whether it was opened. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Lets everybody through, now and later. */
  open(): void {
    this.#isOpen = true;
    this.#door.resolve();
  }
}
