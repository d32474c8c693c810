/** The text of an HTTP answer, within a limit: no server is to fill our memory. */

/** The longest answer, bytes. */
const maxBytes = 16 * 1024 * 1024;

/** Reads an answer. @throws {Error} where it is longer than 16 MiB; what is left of it is not read. */
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
