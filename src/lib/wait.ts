/** Waits that leave no timer behind. */

/** The longest time a timer can wait, seconds: 2^31 - 1 milliseconds. Longer ones fire at once. */
export const maxTimerSeconds = 2_147_483;

/** Resolves when the promise settles, or after `ms` milliseconds. Never rejects. */
export async function waitAtMost(promise: Promise<unknown>, ms: number): Promise<void> {
  const settled = new AbortController();
  await Promise.race([promise.then(() => {}, () => {}), pause(ms, settled.signal)]);
  settled.abort();
}

/** Resolves after `ms` milliseconds, or as soon as the signal aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
    function end() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    }
  });
}
