/** Sizes in bytes: how they are shown, and how much of a response is read. */

const units = ["KiB", "MiB", "GiB", "TiB"] as const;

/** The longest response that {@linkcode cappedText} reads, bytes. */
const maxBytes = 16 * 1024 * 1024;

/** A size with a fitting unit, such as "1.5 MiB". */
export function byteSize(bytes: number): string {
  if (bytes < 1024) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(1).replace(/\.0$/, "")} ${units[unit]}`;
}

/** Reads a response, but no more than fits in memory. @throws {Error} if it is longer than 16 MiB. */
export async function cappedText(response: Response): Promise<string> {
  let bytes = 0;
  let text = "";
  const decoder = new TextDecoder();
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > maxBytes) throw new Error("the answer is longer than 16 MiB");
    text += decoder.decode(part, { stream: true });
  }
  return text + decoder.decode();
}
