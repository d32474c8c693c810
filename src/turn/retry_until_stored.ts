/**
 * Repeats what the store refuses until it takes it: an accepted message outlives a full disk. Used by
 * the processor for the writes without which a turn cannot begin or end.
 */

import { Backoff } from "../lib/backoff.ts";
import { errorText } from "../lib/error_text.ts";
import { StoreError } from "../domain/errors.ts";
import { logger } from "../logging/log.ts";
import { pause } from "../lib/wait.ts";

const log = logger("turn", "store");

const delays = { firstMs: 100, maxMs: 5_000 };

/**
 * Calls `write` until it does not throw a {@linkcode StoreError}.
 *
 * @throws one that will never pass; the last error once `givenUp` has aborted: the next start takes it
 * up.
 */
export async function retryUntilStored<T>(
  write: () => Promise<T>,
  givenUp: AbortSignal,
): Promise<T> {
  for (const backoff = new Backoff(delays);;) {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof StoreError) || error.lasting || givenUp.aborted) throw error;
      const delayMs = backoff.next();
      log.error("{error}; trying again in {delay} ms", { error: errorText(error), delay: delayMs });
      await pause(delayMs, givenUp);
    }
  }
}
