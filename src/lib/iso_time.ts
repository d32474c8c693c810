/** Timestamps as text, in UTC. */

/** ISO 8601, such as `2026-03-01T12:00:00.000Z`. @param at milliseconds since the epoch. */
export function isoTime(at: number): string {
  return new Date(at).toISOString();
}

/** The date alone, such as `2026-03-01`. @param at milliseconds since the epoch. */
export function isoDate(at: number): string {
  return isoTime(at).slice(0, 10);
}
