/** From the bytes of a web page to text that a model reads. Used by `fetch_url`. */

import { htmlText } from "./html_text.ts";
import type { WebPage } from "./web_page.ts";

/** The text of a page. */
export interface PageText {
  readonly title: string | undefined;
  readonly text: string;
}

/** Where the first bytes of a page name its encoding. */
const declarations = [
  /<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)/i,
  /<\?xml[^>]+encoding\s*=\s*["']([\w.:-]+)/i,
];

/** Turns a page into text; HTML loses its layout and keeps its links. */
export async function pageText(page: WebPage): Promise<PageText> {
  const source = decode(page);
  if (page.mediaType !== "text/html" && page.mediaType !== "application/xhtml+xml") {
    return { title: undefined, text: source };
  }
  return await htmlText(source, { url: page.url });
}

function decode({ bytes, charset }: WebPage): string {
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, 2048));
  const declared = declarations.map((pattern) => pattern.exec(head)?.[1]).find(Boolean);
  for (const label of [charset, declared]) {
    const decoder = label && decoderOf(label);
    if (decoder) return decoder.decode(bytes);
  }
  return new TextDecoder().decode(bytes);
}

/** A decoder; undefined where nobody knows an encoding of this name. */
function decoderOf(label: string): TextDecoder | undefined {
  try {
    return new TextDecoder(label);
  } catch {
    return undefined;
  }
}
