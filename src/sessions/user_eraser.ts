/**
 * Deletes all that is kept of a user: what runs is cancelled first, then the store and the files are
 * cleared. Called by the admin interface.
 */

import type { RequestKey } from "../domain/request.ts";
import type { ForgetStore, ForgottenRows, PlatformUser } from "../store/forget_store.ts";
import { pause } from "../lib/wait.ts";

/** How long running requests may take to end once they are cancelled, milliseconds. */
const cancelMs = 10_000;
const lookAgainMs = 20;

/** What a {@linkcode UserEraser} is given. */
export interface UserEraserOptions {
  readonly store: ForgetStore;
  /** Missing where no gateway runs: what waits in the store is deleted with the rest then. */
  readonly router?: { readonly cancel: (request: RequestKey) => boolean };
  /**
   * Drops what is kept in memory to be sent again to a platform's adapters, and may have been written
   * since. Missing where no gateway runs.
   */
  readonly forgetFrames?: (platform: string) => Promise<void>;
  /** What is kept elsewhere; each gives the count of what it deleted. */
  readonly elsewhere: Readonly<Record<string, (user: PlatformUser) => Promise<number>>>;
}

/** How many things of each kind were deleted. */
export type Erased = ForgottenRows & Readonly<Record<string, number>>;

/** What became of the wish: it waits for requests that do not end, or it is done. */
export type Erasure =
  | { readonly type: "busy"; readonly requests: number }
  | { readonly type: "erased"; readonly counts: Erased };

export class UserEraser {
  readonly #options: UserEraserOptions;

  constructor(options: UserEraserOptions) {
    this.#options = options;
  }

  /** Cancels the user's requests and deletes all; what is already deleted counts nothing. */
  async erase(user: PlatformUser): Promise<Erasure> {
    const { store, router, forgetFrames, elsewhere } = this.#options;
    const never = new AbortController().signal;
    for (let waitedMs = 0;; waitedMs += lookAgainMs) {
      const rows = await store.forget(user, { unfinishedToo: !router });
      if (rows) {
        const counts: Record<string, number> = {};
        for (const [name, erase] of Object.entries(elsewhere)) counts[name] = await erase(user);
        await forgetFrames?.(user.platform);
        await store.scrub();
        return { type: "erased", counts: { ...rows, ...counts } };
      }
      const unfinished = await store.unfinished(user);
      if (waitedMs >= cancelMs) return { type: "busy", requests: unfinished.length };
      for (const request of unfinished) router?.cancel(request);
      await pause(lookAgainMs, never);
    }
  }
}
