/** A time of day, such as 04:00. Used by the settings and the daily reset; needs no package. */

const pattern = /^([01]?\d|2[0-3]):([0-5]\d)$/;

/** Hour and minute. @throws {Error} where it is no time of day. */
export function parseTimeOfDay(at: string): readonly [hour: number, minute: number] {
  const match = pattern.exec(at.trim());
  if (!match) throw new Error("expected a time of day such as 04:00");
  return [Number(match[1]), Number(match[2])];
}
