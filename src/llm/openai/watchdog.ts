/** Aborts a request to a model that stalls or takes too long. */

import { GatewayError } from "../../domain/errors.ts";

/** Time-outs of a request, milliseconds. */
export interface WatchdogOptions {
  readonly stallMs: number;
  readonly totalMs: number;
  /** Total time left after earlier attempts. Default: all. */
  readonly leftMs?: number;
}

/** A signal that aborts with the caller's, after a stall, or after the total time. */
export class Watchdog implements Disposable {
  readonly #abort = new AbortController();
  readonly #caller: AbortSignal;
  readonly #stallMs: number;
  readonly #total: ReturnType<typeof setTimeout>;
  #stall?: ReturnType<typeof setTimeout>;
  #lastProgress = 0;
  /** The time-out error, if the watchdog aborted the request. */
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

  /** Starts stall detection when the request is sent. */
  begin(): void {
    this.progress();
    this.#stall = setTimeout(this.#onStall, this.#stallMs);
  }

  /** Records activity. Cheap, because it is called for each delta. */
  progress(): void {
    this.#lastProgress = performance.now();
  }

  [Symbol.dispose](): void {
    this.#caller.removeEventListener("abort", this.#onCallerAbort);
    clearTimeout(this.#stall);
    clearTimeout(this.#total);
    // Also ends a stream whose reader stopped early; no effect on a finished one.
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
