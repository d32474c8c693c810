/** One setting: its names, its type and how its text is parsed. The table in `settings.ts` is made of these. */

import { maxTimerSeconds } from "../lib/wait.ts";
import { parsePath, parseSecret } from "./value_forms.ts";

/** A setting of type `T`. */
export interface Setting<T> {
  /** The environment variable. */
  readonly env: string;
  /** The command-line flag, without its dashes. */
  readonly flag?: string;
  /** One line for `--help` and docs/settings.md. */
  readonly help: string;
  /** The default, as people see it. */
  readonly shown: string;
  /** Whether its value must never be printed. */
  readonly secret: boolean;
  /** Whether its flag takes no value. */
  readonly boolean: boolean;
  /** The default. */
  readonly fallback: T;
  /** Parses a value that is not empty. @throws {Error} that says what is allowed. */
  readonly parse: (text: string) => T;
}

/** Settings by the name that the program has for them. */
export type SettingTable = Readonly<Record<string, Setting<unknown>>>;

type ValueOf<S> = S extends Setting<infer T> ? T : never;

/** The values of a table of settings; those without a default are optional. */
export type ValuesOf<Table> =
  & {
    readonly [Name in keyof Table as undefined extends ValueOf<Table[Name]> ? never : Name]:
      ValueOf<Table[Name]>;
  }
  & {
    readonly [Name in keyof Table as undefined extends ValueOf<Table[Name]> ? Name : never]?:
      ValueOf<Table[Name]>;
  };

interface Common<T> {
  readonly flag?: string;
  readonly help: string;
  readonly fallback: T;
  readonly shown?: string;
}

interface NumberOptions extends Common<number> {
  readonly min: number;
  readonly max?: number;
  /** Default: true. */
  readonly whole?: boolean;
}

/** A number within bounds. */
export function number(env: string, options: NumberOptions): Setting<number> {
  const { min, max = Number.MAX_SAFE_INTEGER, whole = true } = options;
  const kind = whole ? "a whole number" : "a number";
  const bounds = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return setting(env, options, (text) => {
    const value = Number(text);
    const valid = text.trim() !== "" &&
      (whole ? Number.isSafeInteger(value) : Number.isFinite(value));
    if (!valid || value < min || value > max) throw new Error(`expected ${kind} ${bounds}`);
    return value;
  });
}

/** A time that people set in seconds; its value is in milliseconds. */
export function seconds(env: string, options: NumberOptions): Setting<number> {
  return inMs(number(env, { max: maxTimerSeconds, ...options }), 1_000);
}

/** A time that people set in days; its value is in milliseconds. */
export function days(env: string, options: NumberOptions): Setting<number> {
  return inMs(number(env, options), 86_400_000);
}

function inMs(setting: Setting<number>, unitMs: number): Setting<number> {
  const { fallback, parse } = setting;
  return { ...setting, fallback: fallback * unitMs, parse: (text) => parse(text) * unitMs };
}

/** Any text. */
export function text<T extends string | undefined>(
  env: string,
  options: Common<T> & { readonly secret?: boolean; readonly check?: (text: string) => void },
): Setting<T | string> {
  const { secret = false, check } = options;
  const parse = (value: string) => {
    const text = secret ? parseSecret(value) : value;
    check?.(text);
    return text;
  };
  return { ...setting<T | string>(env, options, parse), secret };
}

/** A path; `~` and `${HOME}` are expanded. */
export function path<T extends string | undefined>(
  env: string,
  options: Common<T>,
): Setting<T | string> {
  return setting<T | string>(env, options, parsePath);
}

/** One of several words. */
export function choice<const Word extends string>(
  env: string,
  words: readonly Word[],
  options: Common<Word>,
): Setting<Word> {
  return setting(env, options, (value) => {
    const found = words.find((word) => word === value.toLowerCase());
    if (found === undefined) throw new Error(`expected one of ${words.join(", ")}`);
    return found;
  });
}

/** True or false. */
export function flag(env: string, options: Omit<Common<boolean>, "fallback">): Setting<boolean> {
  const parse = (value: string) => {
    if (/^(?:1|true|yes|on)$/i.test(value)) return true;
    if (/^(?:0|false|no|off)$/i.test(value)) return false;
    throw new Error("expected true or false");
  };
  return { ...setting(env, { ...options, fallback: false }, parse), boolean: true };
}

/** Words separated by commas. */
export function list(
  env: string,
  options: Omit<Common<readonly string[]>, "fallback"> & {
    /** Checks one word. @throws {Error} that says what is allowed. */
    readonly check?: (word: string) => void;
    /** Puts one word into its usual form. @throws {Error} that says what is allowed. */
    readonly parseWord?: (word: string) => string;
  },
): Setting<readonly string[]> {
  const parse = (value: string) => {
    const words = value.split(",").map((word) => word.trim()).filter(Boolean);
    words.forEach((word) => options.check?.(word));
    return options.parseWord ? words.map(options.parseWord) : words;
  };
  return setting(env, { ...options, fallback: [], shown: "(none)" }, parse);
}

/** What one source says about a setting; undefined or empty if it says nothing. */
export interface Found {
  /** For people: `--port`, `CLARA_GATEWAY_PORT`. */
  readonly from: string;
  readonly value: string | undefined;
}

/** A setting that was read. */
export interface Reading<T> {
  /** The default if no source has a valid value. */
  readonly value: T;
  /** The source that won. */
  readonly found?: Found;
  /** Why its value is invalid: the name, the value and what is allowed. */
  readonly error?: string;
}

/** Reads a setting from its sources, the one that overrides the others first. */
export function readSetting<T>(setting: Setting<T>, sources: readonly Found[]): Reading<T> {
  const found = sources.find(({ value }) => value !== undefined && value !== "");
  if (!found) return { value: setting.fallback };
  try {
    const value = found.value!.trim();
    if (value === "") throw new Error("it is only white space");
    return { value: setting.parse(value), found };
  } catch (error) {
    const shown = setting.secret ? "(secret)" : JSON.stringify(found.value);
    const why = `Cannot use ${found.from}=${shown}: ${(error as Error).message}`;
    return { value: setting.fallback, found, error: why };
  }
}

function setting<T>(env: string, options: Common<T>, parse: (text: string) => T): Setting<T> {
  const { flag, help, fallback } = options;
  const shown = options.shown ?? (fallback === undefined ? "(none)" : String(fallback));
  return { env, flag, help, fallback, shown, parse, secret: false, boolean: false };
}
