/** Files: whether they exist, and their text as people's programs write it: UTF-8, or UTF-16 with a byte-order mark, or another named charset. */

import { ConfigError } from "./config_error.ts";

/**
 * Decodes text by its byte-order mark, else as UTF-8, else by `charset`. Returns undefined if it is none of these:
 * binary data must not pass as text.
 */
export function decodeText(
  bytes: Uint8Array,
  { charset }: { readonly charset?: string } = {},
): string | undefined {
  const [first, second, third] = bytes;
  const marked = first === 0xff && second === 0xfe
    ? "utf-16le"
    : first === 0xfe && second === 0xff
    ? "utf-16be"
    : undefined;
  const isMarkedUtf8 = first === 0xef && second === 0xbb && third === 0xbf;
  const named = charset && !/^utf-?8$/i.test(charset) && !isMarkedUtf8 ? [charset] : [];
  for (const encoding of marked ? [marked] : [...named, "utf-8"]) {
    try {
      const text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
      if (!text.includes("\0")) return text;
    } catch {
      // Another encoding, or a charset that nobody knows.
    }
  }
  return undefined;
}

/** The text of a file; undefined if it does not exist. @throws {ConfigError} if it cannot be read as text. */
export async function readTextFile(path: string): Promise<string | undefined> {
  try {
    return textOf(await Deno.readFile(path), path);
  } catch (error) {
    return notFound(error, path);
  }
}

/** As {@linkcode readTextFile}, synchronously. */
export function readTextFileSync(path: string): string | undefined {
  try {
    return textOf(Deno.readFileSync(path), path);
  } catch (error) {
    return notFound(error, path);
  }
}

function textOf(bytes: Uint8Array, path: string): string {
  const text = decodeText(bytes);
  if (text === undefined) throw new ConfigError(`Cannot read ${path}: it is not UTF-8 text`);
  return text;
}

function notFound(error: unknown, path: string): undefined {
  if (error instanceof Deno.errors.NotFound) return undefined;
  if (error instanceof ConfigError) throw error;
  throw new ConfigError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
}

/** Whether a path exists, be it a file, a folder or a broken link. @throws if that cannot be determined. */
export function fileExists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
