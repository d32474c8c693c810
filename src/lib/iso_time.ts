/** Times as text: ISO 8601 timestamps in UTC, and times of day. */

const timeOfDay = /^([01]?\d|2[0-3]):([0-5]\d)$/;

/** ISO 8601, such as `2026-03-01T12:00:00.000Z`. @param at milliseconds since the epoch. */
export function isoTime(at: number): string {
  return new Date(at).toISOString();
}

/** The date alone, such as `2026-03-01`. @param at milliseconds since the epoch. */
export function isoDate(at: number): string {
  return isoTime(at).slice(0, 10);
}

/** Parses a time of day such as `04:00`. @throws {Error} if it is none. */
export function parseTimeOfDay(text: string): readonly [hour: number, minute: number] {
  const match = timeOfDay.exec(text.trim());
  if (!match) throw new Error("expected a time of day such as 04:00");
  return [Number(match[1]), Number(match[2])];
}
