/** Ends a request to a model that has gone silent or goes on for ever. Used by the provider's client. */

import { GatewayError } from "../../domain/errors.ts";

/** The times of a request, milliseconds. */
export interface WatchdogOptions {
  readonly stallMs: number;
  readonly totalMs: number;
  /** What earlier tries have left of the total. Default: all. */
  readonly leftMs?: number;
}

/** A signal that aborts with the caller's, after a silence, and after a total time. */
export class Watchdog implements Disposable {
  readonly #abort = new AbortController();
  readonly #caller: AbortSignal;
  readonly #stallMs: number;
  readonly #total: ReturnType<typeof setTimeout>;
  #stall?: ReturnType<typeof setTimeout>;
  #lastProgress = 0;
  /** Why it ended the request, when it did. */
  timeout?: GatewayError;

  constructor(caller: AbortSignal, options: WatchdogOptions) {
    this.#caller = caller;
    this.#stallMs = options.stallMs;
    if (caller.aborted) this.#abort.abort(caller.reason);
    caller.addEventListener("abort", this.#onCallerAbort);
    this.#total = setTimeout(
      () => this.#end(`The model took longer than ${seconds(options.totalMs)} to answer.`),
      options.leftMs ?? options.totalMs,
    );
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The request leaves: from now on silence counts. */
  begin(): void {
    this.progress();
    this.#stall = setTimeout(this.#onStall, this.#stallMs);
  }

  /** Notes that the model said something. Cheap: it is called for each delta. */
  progress(): void {
    this.#lastProgress = performance.now();
  }

  [Symbol.dispose](): void {
    this.#caller.removeEventListener("abort", this.#onCallerAbort);
    clearTimeout(this.#stall);
    clearTimeout(this.#total);
    // A stream that its reader left early is ended, too; after its end this does nothing.
    this.#abort.abort();
  }

  readonly #onCallerAbort = () => this.#abort.abort(this.#caller.reason);

  readonly #onStall = () => {
    const leftMs = this.#lastProgress + this.#stallMs - performance.now();
    if (leftMs > 0) this.#stall = setTimeout(this.#onStall, leftMs);
    else this.#end(`The model was silent for ${seconds(this.#stallMs)}.`);
  };

  #end(what: string): void {
    this.timeout = new GatewayError("llm_timeout", `${what} Send the message again.`, {
      recoverable: true,
    });
    this.#abort.abort(this.timeout);
  }
}

function seconds(ms: number): string {
  return `${ms / 1000} seconds`;
}
