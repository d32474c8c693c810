/**
 * What nobody waited for and nobody caught, such as what a plugin throws in a timer of its own. One such
 * mistake must not end a service that holds other people's messages: it is logged, loudly, and the rest
 * goes on. Set up by `run`.
 */

import { errorText } from "../../lib/error_text.ts";
import { logger } from "../../logging/log.ts";

const log = logger("cli");

/** Logs unhandled rejections and uncaught exceptions instead of dying of them. */
export function installCrashHandlers(): void {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    log.error("A promise was rejected unheard: {error}", detailsOf(event.reason));
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    log.error("Nobody caught: {error}", detailsOf(event.error));
  });
}

function detailsOf(thrown: unknown) {
  return { error: errorText(thrown), stack: thrown instanceof Error ? thrown.stack : undefined };
}
