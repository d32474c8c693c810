/** A signal that asks a command to give up, as long as it listens. Used by `start`. */

const signals: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #abort = () => this.#controller.abort();

  constructor() {
    for (const signal of signals) Deno.addSignalListener(signal, this.#abort);
  }

  /** Aborted by the first signal that comes. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const signal of signals) Deno.removeSignalListener(signal, this.#abort);
  }
}
