/** Deletes everything stored about a user, after cancelling the user's requests. */

import type { RequestKey } from "../domain/request.ts";
import type { ForgetStore, ForgottenRows, PlatformUser } from "../store/forget_store.ts";
import { pause } from "../lib/wait.ts";

const pollMs = 20;

/** Options of {@linkcode UserEraser}. */
export interface UserEraserOptions {
  readonly store: ForgetStore;
  /** Missing if no gateway runs; then unfinished requests are deleted with the rest. */
  readonly router?: { readonly cancel: (request: RequestKey) => boolean };
  /** Clears the replay buffers of a platform's adapters. Missing if no gateway runs. */
  readonly forgetFrames?: (platform: string) => Promise<void>;
  /** Delete what other places hold, by the name it is counted under; each returns that count. */
  readonly elsewhere: Readonly<Record<string, (user: PlatformUser) => Promise<number>>>;
  /** How long cancelled requests may take to end, milliseconds. Default: 10,000. */
  readonly cancelMs?: number;
}

/** How many things of each kind were deleted. */
export type Erased = ForgottenRows & Readonly<Record<string, number>>;

/** The result: everything was deleted, or requests of the user did not end in time. */
export type Erasure =
  | { readonly type: "busy"; readonly requests: number }
  | { readonly type: "erased"; readonly counts: Erased };

export class UserEraser {
  readonly #options: UserEraserOptions;

  constructor(options: UserEraserOptions) {
    this.#options = options;
  }

  /** Cancels the user's requests and deletes everything; a repeated call deletes and counts nothing. */
  async erase(user: PlatformUser): Promise<Erasure> {
    const { store, router, forgetFrames, elsewhere, cancelMs = 10_000 } = this.#options;
    const never = new AbortController().signal;
    for (let waitedMs = 0;; waitedMs += pollMs) {
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
      await pause(pollMs, never);
    }
  }
}
