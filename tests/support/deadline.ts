/**
 * A promise that may not take forever: a test that waits for what never comes fails with the name
 * of what was missing. The other helpers in this folder wait through it.
 */

/** How long a wait may take, and what it is called when it takes longer. */
export interface DeadlineOptions {
  /** Milliseconds. Default: 10,000. */
  readonly timeoutMs?: number;
  /** What is waited for; a function is asked only when the time is up. */
  readonly what: string | (() => string);
}

/** Resolves as `promise` does, or rejects when that takes longer than the time-out. */
export async function within<T>(promise: Promise<T>, options: DeadlineOptions): Promise<T> {
  const { timeoutMs = 10_000, what } = options;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const text = typeof what === "string" ? what : what();
    late.reject(new Error(`Waited ${timeoutMs} ms in vain for ${text}`));
  }, timeoutMs);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
