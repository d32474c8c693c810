/** Waiting that leaves no timer behind. Used wherever something may take too long. */

/** What a timer can wait, seconds: 2^31 - 1 milliseconds; a longer one would fire at once. */
export const maxTimerSeconds = 2_147_483;

/** Resolves when the promise is settled, or after `ms` milliseconds; never rejects. */
export async function waitAtMost(promise: Promise<unknown>, ms: number): Promise<void> {
  const over = new AbortController();
  await Promise.race([promise.then(() => {}, () => {}), pause(ms, over.signal)]);
  over.abort();
}

/** Resolves after `ms` milliseconds, or as soon as the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    function end() {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    }
  });
}
