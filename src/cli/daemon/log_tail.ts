/** Reads the end of a log file and follows it, across a rotation. */

/** How much of a file is read at most, bytes. */
const maxBytes = 4 * 1024 * 1024;
/**
 * How many bytes from the start of a file identify it. They contain a timestamp, so they differ after the
 * file was rotated.
 */
const signatureBytes = 200;

/** The last lines written after the file had this size; of all lines if it was rotated since. */
export function linesSince(
  path: string,
  { from, count }: { readonly from: number; readonly count: number },
): readonly string[] {
  return toLines(readFrom(path, from).bytes).slice(-count);
}

/** Reads the last lines of a log file once, then what is appended. */
export class LogTail {
  readonly #path: string;
  #offset = 0;
  #signature = "";

  constructor(path: string) {
    this.#path = path;
  }

  /** The last lines so far; {@linkcode LogTail.read} continues after them. */
  last(count: number): readonly string[] {
    const { bytes, end } = readFrom(this.#path, 0);
    this.#offset = end;
    this.#signature = signatureOf(this.#path);
    const lines = toLines(bytes);
    // The file may just have been rotated.
    const older = lines.length < count ? toLines(readFrom(`${this.#path}.1`, 0).bytes) : [];
    return count === 0 ? [] : [...older, ...lines].slice(-count);
  }

  /** What was appended since the last read, also if the file was rotated in between. */
  read(): Uint8Array<ArrayBuffer> {
    const { bytes, end } = readFrom(this.#path, this.#offset);
    const signature = signatureOf(this.#path);
    if (end >= this.#offset && signature.startsWith(this.#signature)) {
      this.#offset = end;
      this.#signature = signature;
      return bytes;
    }
    const rotated = `${this.#path}.1`;
    const before = signatureOf(rotated).startsWith(this.#signature)
      ? readFrom(rotated, this.#offset).bytes
      : new Uint8Array();
    const after = readFrom(this.#path, 0);
    this.#offset = after.end;
    this.#signature = signatureOf(this.#path);
    const all = new Uint8Array(before.length + after.bytes.length);
    all.set(before);
    all.set(after.bytes, before.length);
    return all;
  }
}

function toLines(bytes: Uint8Array): readonly string[] {
  const lines = new TextDecoder().decode(bytes).split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}

/** The bytes after an offset, and where they end. Of more than `maxBytes`, only the last ones. */
function readFrom(
  path: string,
  from: number,
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly end: number } {
  using file = openIfPresent(path);
  if (!file) return { bytes: new Uint8Array(), end: 0 };
  const { size } = file.statSync();
  const begin = Math.max(from > size ? 0 : from, size - maxBytes);
  file.seekSync(begin, Deno.SeekMode.Start);
  const bytes = readAll(file, size - begin);
  return { bytes, end: begin + bytes.length };
}

function signatureOf(path: string): string {
  using file = openIfPresent(path);
  return file ? new TextDecoder("latin1").decode(readAll(file, signatureBytes)) : "";
}

function readAll(file: Deno.FsFile, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (let read; at < length && (read = file.readSync(bytes.subarray(at)));) at += read;
  return bytes.subarray(0, at);
}

function openIfPresent(path: string): Deno.FsFile | undefined {
  try {
    return Deno.openSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
