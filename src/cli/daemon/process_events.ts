/** Signals and uncaught errors of this process. */

import { errorText } from "../../lib/error_text.ts";
import { logger } from "../../logging/log.ts";

const log = logger("cli");

const windows = Deno.build.os === "windows";

/** The signals that ask the gateway to stop. */
export interface StopSignals {
  /** Resolves with the first signal, which asks for an orderly stop. */
  readonly first: Promise<Deno.Signal>;
  /** Resolves at the second signal, which asks for an immediate one. */
  readonly second: Promise<void>;
}

/** Listens to SIGINT and SIGTERM from now on. */
export function listenToStopSignals(): StopSignals {
  const first = Promise.withResolvers<Deno.Signal>();
  const second = Promise.withResolvers<void>();
  let count = 0;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    if (windows && signal === "SIGTERM") continue;
    Deno.addSignalListener(signal, () => {
      if (++count === 1) first.resolve(signal);
      else second.resolve();
    });
  }
  return { first: first.promise, second: second.promise };
}

/**
 * Listens to SIGHUP from now on, since it ends a process that does not. A signal that arrives before there
 * is a handler is handled as soon as there is one.
 */
export class ReloadSignal {
  #early = false;
  #handler: () => unknown = () => this.#early = true;

  constructor() {
    if (!windows) Deno.addSignalListener("SIGHUP", () => this.#handler());
  }

  handle(handler: () => Promise<void>): void {
    this.#handler = handler;
    if (this.#early) handler();
  }
}

/** Aborts its signal at SIGINT, SIGTERM or SIGHUP, until it is disposed of. */
export class Interrupt implements Disposable {
  static readonly #signals: readonly Deno.Signal[] = windows
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];

  readonly #controller = new AbortController();
  readonly #abort = () => this.#controller.abort();

  constructor() {
    for (const signal of Interrupt.#signals) Deno.addSignalListener(signal, this.#abort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const signal of Interrupt.#signals) Deno.removeSignalListener(signal, this.#abort);
  }
}

/**
 * Logs unhandled rejections and uncaught exceptions instead of ending the process. One mistake, such as
 * in a plugin's timer, must not end a service that holds other people's messages.
 */
export function installCrashHandlers(): void {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    log.error("Unhandled rejection: {error}", detailsOf(event.reason));
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    log.error("Uncaught exception: {error}", detailsOf(event.error));
  });
}

function detailsOf(thrown: unknown) {
  return { error: errorText(thrown), stack: thrown instanceof Error ? thrown.stack : undefined };
}
