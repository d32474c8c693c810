/** The words of the log's settings. Every command reads them; the log itself is loaded by those that write one. */

/** The levels of `CLARA_LOG_LEVEL`, the most talkative first. */
export const logLevels = ["debug", "info", "warning", "error"] as const;
export type LogLevel = typeof logLevels[number];

/** How a record is written: `pretty` for people, `json` for machines (one object a line). */
export const logFormats = ["pretty", "json"] as const;
export type LogFormat = typeof logFormats[number];
