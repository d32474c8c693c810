/** Retries a write until the store accepts it: an accepted message survives a full disk. */

import { StoreError } from "../domain/errors.ts";
import { Backoff } from "../lib/backoff.ts";
import { errorText } from "../lib/error_text.ts";
import { pause } from "../lib/wait.ts";
import { logger } from "../logging/log.ts";

const log = logger("turn", "store");

const delays = { firstMs: 100, maxMs: 5_000 };

/**
 * Calls `write` until it throws no {@linkcode StoreError}.
 *
 * @throws an error that is not a store error, or is permanent; the last error once `givenUp` has aborted (the
 * next start continues from there).
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
      log.error("{error}; retrying in {delay} ms", { error: errorText(error), delay: delayMs });
      await pause(delayMs, givenUp);
    }
  }
}
