/**
 * The log: structured records, written to stderr and to a file, as pretty lines or as JSON lines.
 * Categories follow the folders of the source.
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

/** The levels, from most to least verbose. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** `pretty` for people, `json` (one object per line) for machines. */
export type LogFormat = "pretty" | "json";

/** The logger of a module; its category is the module's folder. */
export function logger(...category: string[]): Logger {
  return getLogger(["clara", ...category]);
}

/** The log file; see {@linkcode LogFile}. */
export interface LogFileConfig {
  readonly path: string;
  readonly maxBytes: number;
  readonly keep: number;
}

/** Secrets to redact, the longest first, since one may contain another. */
let secrets: readonly string[] = [];

/** Redacts these texts from all further lines, also in the form they have in JSON. */
export function hideFromLog(texts: readonly string[]): void {
  const forms = texts.filter((text) => text !== "")
    .flatMap((text) => [text, JSON.stringify(text).slice(1, -1)]);
  secrets = [...new Set([...secrets, ...forms])].sort((a, b) => b.length - a.length);
}

/** Options of {@linkcode configureLog}. */
export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly color?: boolean;
  readonly file?: LogFileConfig;
  /** Whether to write to the file only, because stderr is redirected to it. Default: false. */
  readonly fileOnly?: boolean;
  /** Texts to redact from all lines; providers repeat keys in their errors. */
  readonly secrets?: readonly string[];
}

/** Configures the log. Nothing is written before. @throws {ConfigError} if the file cannot be written. */
export async function configureLog(options: LogOptions): Promise<void> {
  const { level, file, fileOnly = false } = options;
  hideFromLog(options.secrets ?? []);
  const lineOf = (color: boolean) => redacted(formatter(options.format, color));
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
      // A closed or full stderr must not stop the service, and there is nowhere to report it.
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
    // Values are not quoted, but control characters are escaped: input from outside must not forge
    // lines or control a terminal.
    value: (value: unknown, inspect: (value: unknown) => string) =>
      typeof value === "string" ? value.replace(/\p{Cc}/gu, escapeControl) : inspect(value),
    category: (names: readonly string[]) => names.slice(1).join("."),
  };
  return color ? getAnsiColorFormatter(text) : getTextFormatter(text);
}

/** A formatter that redacts secrets. */
function redacted(format: (record: LogRecord) => string): (record: LogRecord) => string {
  return (record) =>
    secrets.reduce((line, secret) => line.replaceAll(secret, "[secret]"), format(record));
}

/** Newlines in error texts are kept and indented; other characters are shown as codes. */
function escapeControl(character: string): string {
  if (character === "\n") return "\n  ";
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
