/** The end of a log file, also over its last rotation, and what is added to it. Used by `logs`, `start`. */

/** At most this much of a file is looked at, bytes. */
const maxBytes = 4 * 1024 * 1024;
/** How much of a file's beginning tells it from what it was before it was emptied: it holds a time. */
const markBytes = 200;

/** The last lines that were added past a size (all, where the file was emptied since). */
export function linesSince(
  path: string,
  { from, count }: { readonly from: number; readonly count: number },
): readonly string[] {
  return linesOf(readFrom(path, from).bytes).slice(-count);
}

/** A log file, from its end on: read once backwards, then what comes. */
export class LogTail {
  readonly #path: string;
  #at = 0;
  #mark = "";

  constructor(path: string) {
    this.#path = path;
  }

  /** The last lines so far; {@linkcode LogTail.read} goes on after them. */
  last(count: number): readonly string[] {
    const { bytes, end } = readFrom(this.#path, 0);
    this.#at = end;
    this.#mark = markOf(this.#path);
    const lines = linesOf(bytes);
    // The file may have been emptied a moment ago.
    const older = lines.length < count ? linesOf(readFrom(`${this.#path}.1`, 0).bytes) : [];
    return count === 0 ? [] : [...older, ...lines].slice(-count);
  }

  /** What was added since; also where the file was set aside and emptied meanwhile. */
  read(): Uint8Array<ArrayBuffer> {
    const { bytes, end } = readFrom(this.#path, this.#at);
    const mark = markOf(this.#path);
    if (end >= this.#at && mark.startsWith(this.#mark)) {
      this.#at = end;
      this.#mark = mark;
      return bytes;
    }
    const aside = `${this.#path}.1`;
    const rest = markOf(aside).startsWith(this.#mark)
      ? readFrom(aside, this.#at).bytes
      : new Uint8Array();
    const fresh = readFrom(this.#path, 0);
    this.#at = fresh.end;
    this.#mark = markOf(this.#path);
    const all = new Uint8Array(rest.length + fresh.bytes.length);
    all.set(rest);
    all.set(fresh.bytes, rest.length);
    return all;
  }
}

function linesOf(bytes: Uint8Array): readonly string[] {
  const lines = new TextDecoder().decode(bytes).split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}

/** The bytes from `from` on, and where they end; of a very long rest the end only. */
function readFrom(
  path: string,
  from: number,
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly end: number } {
  using file = openIfThere(path);
  if (!file) return { bytes: new Uint8Array(), end: 0 };
  const { size } = file.statSync();
  const begin = Math.max(from > size ? 0 : from, size - maxBytes);
  file.seekSync(begin, Deno.SeekMode.Start);
  const bytes = readAll(file, size - begin);
  return { bytes, end: begin + bytes.length };
}

function markOf(path: string): string {
  using file = openIfThere(path);
  return file ? new TextDecoder("latin1").decode(readAll(file, markBytes)) : "";
}

function readAll(file: Deno.FsFile, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (let read; at < length && (read = file.readSync(bytes.subarray(at)));) at += read;
  return bytes.subarray(0, at);
}

function openIfThere(path: string): Deno.FsFile | undefined {
  try {
    return Deno.openSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
