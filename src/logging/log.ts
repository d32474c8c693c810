/**
 * The log: structured records by category, written to stderr and, if one is named, to a file,
 * as pretty lines or as JSON lines. Categories follow the folders. The command line configures it; everybody writes to it.
 */

import {
  configure,
  getAnsiColorFormatter,
  getJsonLinesFormatter,
  getLogger,
  getTextFormatter,
  type Logger,
  type LogLevel as LogTapeLevel,
  type LogRecord,
  type Sink,
} from "@logtape/logtape";
import { LogFile } from "./log_file.ts";
import type { LogFormat, LogLevel } from "./log_format.ts";

/** The logger of one module; its category is the module's folder. */
export function logger(...category: string[]): Logger {
  return getLogger(["clara", ...category]);
}

/** Where the log goes beside stderr. */
export interface LogFileConfig {
  readonly path: string;
  readonly maxBytes: number;
  readonly keep: number;
}

/** All that no line may show, the longest first: one secret may be a part of another. */
let hidden: readonly string[] = [];

/** From now on no line shows these texts, whoever puts them there, nor their form within a JSON text. */
export function hideFromLog(secrets: readonly string[]): void {
  const forms = secrets.filter((secret) => secret !== "")
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]);
  hidden = [...new Set([...hidden, ...forms])].sort((a, b) => b.length - a.length);
}

/** How the log is set up. */
export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly color?: boolean;
  readonly file?: LogFileConfig;
  /** Whether stderr is that same file, as it is in the background. Default: false. */
  readonly fileOnly?: boolean;
  /** What no line may show, whoever has put it there: providers repeat the keys that they refuse. */
  readonly secrets?: readonly string[];
}

/**
 * Sets up the log. Without this call nothing is written, which is what a library user wants.
 *
 * @throws {ConfigError} when the log's file cannot be written.
 */
export async function configureLog(options: LogOptions): Promise<void> {
  const { level, file, fileOnly = false, secrets = [] } = options;
  hideFromLog(secrets);
  const lineOf = (color: boolean) => discreet(formatter(options.format, color));
  const sinks = {
    ...(!fileOnly && { stderr: stderrSink(lineOf(options.color ?? Deno.stderr.isTerminal())) }),
    ...(file && { file: fileSink(file, lineOf(false)) }),
  };
  const names = Object.keys(sinks) as (keyof typeof sinks)[];
  await configure({
    reset: true,
    sinks: sinks as Record<keyof typeof sinks, Sink>,
    loggers: [
      { category: ["clara"], sinks: names, lowestLevel: level as LogTapeLevel },
      { category: ["logtape", "meta"], sinks: names, lowestLevel: "error" },
    ],
  });
}

function stderrSink(format: (record: LogRecord) => string): Sink {
  const encoder = new TextEncoder();
  return (record) => {
    const bytes = encoder.encode(format(record));
    try {
      for (let at = 0; at < bytes.length;) at += Deno.stderr.writeSync(bytes.subarray(at));
    } catch {
      // A closed or full stderr must never end the service; there is nowhere left to say so.
    }
  };
}

function fileSink(
  { path, ...options }: LogFileConfig,
  format: (record: LogRecord) => string,
): Sink & Disposable {
  const line = (remark: string) =>
    format({
      category: ["clara", "log"],
      level: "warning",
      message: [remark],
      rawMessage: remark,
      timestamp: Date.now(),
      properties: {},
    });
  const file = new LogFile(path, { ...options, line });
  const sink = (record: LogRecord) => file.write(format(record));
  return Object.assign(sink, { [Symbol.dispose]: () => file[Symbol.dispose]() });
}

function formatter(format: LogFormat, color: boolean): (record: LogRecord) => string {
  if (format === "json") return getJsonLinesFormatter({ properties: "flatten" });
  const text = {
    timestamp: "date-time" as const,
    // Names and numbers as they are: a log line is a sentence.
    // But for control characters: what others sent must not forge lines or steer a terminal.
    value: (value: unknown, inspect: (value: unknown) => string) =>
      typeof value === "string" ? value.replace(/\p{Cc}/gu, escapeControl) : inspect(value),
    category: (names: readonly string[]) => names.slice(1).join("."),
  };
  return color ? getAnsiColorFormatter(text) : getTextFormatter(text);
}

/** A formatter whose lines show no secret. */
function discreet(format: (record: LogRecord) => string): (record: LogRecord) => string {
  return (record) =>
    hidden.reduce((line, secret) => line.replaceAll(secret, "[secret]"), format(record));
}

/** A newline within an error's text is shown as one; the rest as its code. */
function escapeControl(character: string): string {
  if (character === "\n") return "\n  ";
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
