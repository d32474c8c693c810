/**
 * What nobody waited for and nobody caught. One such mistake must not end a service that holds other
 * people's messages: it is logged, loudly, and the rest goes on. Set up by `run`.
 */

import { errorText } from "../errors.ts";
import { logger } from "../log.ts";

const log = logger("unexpected");

/** Logs unhandled rejections instead of dying of them. */
export function surviveUnhandledRejections(): void {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    const { reason } = event;
    log.error("A promise was rejected unheard: {error}", {
      error: errorText(reason),
      stack: reason instanceof Error ? reason.stack : undefined,
    });
  });
}
