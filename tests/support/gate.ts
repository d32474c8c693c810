/** A gate that a test opens. Scripted LLM replies and fake tools wait at one. */

/** Blocks everyone who awaits `opened` until `open()` is called. */
export class Gate {
  readonly #door = Promise.withResolvers<void>();
  #isOpen = false;

  /** Resolves when the gate is open. */
  get opened(): Promise<void> {
    return this.#door.promise;
  }

  /** Whether the gate is open. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Opens the gate for good. */
  open(): void {
    this.#isOpen = true;
    this.#door.resolve();
  }
}
