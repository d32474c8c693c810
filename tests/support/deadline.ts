/** Bounds a wait, so that a test that waits in vain fails and names what was missing. */

/** Options of {@linkcode within}. */
export interface DeadlineOptions {
  /** Milliseconds. Default: 10,000. */
  readonly timeoutMs?: number;
  /** What is awaited; a function is called only on time-out. */
  readonly what: string | (() => string);
}

/** Settles like `promise`, or rejects after the time-out. */
export async function within<T>(promise: Promise<T>, options: DeadlineOptions): Promise<T> {
  const { timeoutMs = 10_000, what } = options;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const text = typeof what === "string" ? what : what();
    late.reject(new Error(`Timed out after ${timeoutMs} ms waiting for ${text}`));
  }, timeoutMs);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
