/** One setting: its name, what it may be, and how its text is read. Used by the configuration. */

/** A setting of type `T`. */
export interface Setting<T> {
  /** The environment variable. */
  readonly env: string;
  /** The command-line flag, without its dashes. */
  readonly flag?: string;
  /** One line for `--help` and the README. */
  readonly help: string;
  /** The default, as it is shown. */
  readonly shown: string;
  /** Whether its value must never be printed. */
  readonly secret: boolean;
  /** Whether its flag takes no value. */
  readonly boolean: boolean;
  readonly fallback: T;
  /** Reads a value that is not empty. Throws a text that says what is allowed. */
  readonly parse: (text: string) => T;
}

interface Common<T> {
  readonly flag?: string;
  readonly help: string;
  readonly fallback: T;
  readonly shown?: string;
}

/** A number with a unit, within bounds. */
export function number(
  env: string,
  options: Common<number> & {
    readonly min: number;
    readonly max?: number;
    readonly whole?: boolean;
  },
): Setting<number> {
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

/** Any text. */
export function text<T extends string | undefined>(
  env: string,
  options: Common<T> & { readonly secret?: boolean; readonly check?: (text: string) => void },
): Setting<T | string> {
  const { secret = false, check } = options;
  const parse = (value: string) => {
    check?.(value);
    return value;
  };
  return { ...setting<T | string>(env, options, parse), secret };
}

/** One of some words. */
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

/** Yes or no. */
export function flag(env: string, options: Omit<Common<boolean>, "fallback">): Setting<boolean> {
  const parse = (value: string) => {
    if (/^(?:1|true|yes|on)$/i.test(value)) return true;
    if (/^(?:0|false|no|off)$/i.test(value)) return false;
    throw new Error("expected true or false");
  };
  return { ...setting(env, { ...options, fallback: false }, parse), boolean: true };
}

/** Words with commas between. */
export function list(
  env: string,
  options: Omit<Common<readonly string[]>, "fallback"> & {
    /** Throws a text that says what is allowed. */
    readonly check?: (word: string) => void;
  },
): Setting<readonly string[]> {
  const parse = (value: string) => {
    const words = value.split(",").map((word) => word.trim()).filter(Boolean);
    words.forEach((word) => options.check?.(word));
    return words;
  };
  return setting(env, { ...options, fallback: [], shown: "(none)" }, parse);
}

/** What was found for a setting in one place; undefined or empty where it is not set there. */
export interface Found {
  /** For people: `--port`, `CLARA_GATEWAY_PORT`. */
  readonly from: string;
  readonly value: string | undefined;
}

/** A setting, read. */
export interface Reading<T> {
  /** The default where nothing was found, or nothing that can be used. */
  readonly value: T;
  /** The strongest that was found. */
  readonly found?: Found;
  /** Why that cannot be used: the name, the value and what is allowed. */
  readonly error?: string;
}

/** Reads a setting from the texts that were found for it, the strongest first. */
export function readSetting<T>(setting: Setting<T>, all: readonly Found[]): Reading<T> {
  const found = all.find(({ value }) => value !== undefined && value !== "");
  if (!found) return { value: setting.fallback };
  try {
    return { value: setting.parse(found.value!), found };
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
