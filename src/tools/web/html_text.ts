/**
 * Converts HTML to text. A hostile page must not block the gateway: the time taken is proportional
 * to its length, and other work runs in between.
 */

import { setImmediate } from "node:timers/promises";

/** Characters of a page to convert. */
const maxHtmlChars = 2_000_000;
/**
 * How much is converted at a time. The parser takes quadratic time in the depth of elements: 10 ms
 * for 5,000 nested ones, half a minute for 300,000.
 */
const slice = { tags: 5_000, chars: 200_000 } as const;
/** Elements nested deeper than this are left out. */
const maxDepth = 200;

/** Elements that are not text, or not content. */
const dropped = [
  "title",
  ...["script", "style", "noscript", "template", "nav", "svg", "img", "iframe", "object"],
  ...["canvas", "audio", "video", "button", "input", "select", "textarea", "dialog"],
];

/** Removed before parsing, so that no slice begins inside it. */
const cutOut = [
  { open: /<!--/g, close: /--!?>/g },
  ...["script", "style", "noscript", "template", "nav", "svg"].map((name) => ({
    open: new RegExp(`<${name}(?=[\\s>/])`, "gi"),
    close: new RegExp(`</${name}\\s{0,10}>`, "gi"),
  })),
];

/** Returns the title and text of a page. Its links are relative to `url`. */
export async function htmlText(
  html: string,
  { url }: { readonly url: string },
): Promise<{ readonly title: string | undefined; readonly text: string }> {
  // Loaded on first use, so that it does not delay the start of the gateway.
  const { convert } = await import("html-to-text") as HtmlToText;
  const source = cutOut.reduce(without, html.slice(0, maxHtmlChars));
  const title = titleOf(source);
  const options = textOptions(url);
  const parts: string[] = [];
  for (const part of slices(source)) {
    parts.push(convert(part, options));
    await setImmediate();
  }
  const text = parts.join("\n").split("\n").map((line) => line.trimEnd()).join("\n");
  return {
    title: title && convert(title, { wordwrap: false }).replace(/\s+/g, " "),
    text: text.replace(/\n{3,}/g, "\n\n").trim(),
  };
}

/** The part of the package that is used; it has no types. */
interface HtmlToText {
  readonly convert: (html: string, options: Readonly<Record<string, unknown>>) => string;
}

function textOptions(url: string): Readonly<Record<string, unknown>> {
  const pathRewrite = (link: string) => {
    const target = URL.parse(link, url);
    return target && /^(?:https?|mailto):$/.test(target.protocol) ? target.href : "";
  };
  const link = { pathRewrite, hideLinkHrefIfSameAsText: true, noAnchorUrl: true };
  return {
    wordwrap: false,
    limits: { maxDepth, ellipsis: "…" },
    selectors: [
      ...dropped.map((selector) => ({ selector, format: "skip" })),
      { selector: "a", options: link },
      ...["h1", "h2", "h3", "h4", "h5", "h6"].map((selector) => ({
        selector,
        options: { uppercase: false },
      })),
      // Most tables are layout: rows become lines, cells become words.
      { selector: "tr", format: "block", options: { leadingLineBreaks: 1, trailingLineBreaks: 1 } },
      ...["td", "th"].map((selector) => ({
        selector,
        format: "inlineSurround",
        options: { suffix: " " },
      })),
    ],
  };
}

function titleOf(html: string): string | undefined {
  const open = /<title[^<>]{0,200}>/i.exec(html);
  if (!open) return undefined;
  const start = open.index + open[0].length;
  // Titles are short; without a closing tag, the rest of the page is not one.
  return html.slice(start, start + 1000).split(/<\/title/i)[0]?.trim() || undefined;
}

/** Removes everything between two marks; without a closing mark, the rest of the text. */
function without(
  text: string,
  { open, close }: { readonly open: RegExp; readonly close: RegExp },
): string {
  const kept: string[] = [];
  let at = 0;
  for (;;) {
    open.lastIndex = at;
    const start = open.exec(text);
    kept.push(text.slice(at, start?.index));
    if (!start) return kept.join(" ");
    close.lastIndex = open.lastIndex;
    if (!close.exec(text)) return kept.join(" ");
    at = close.lastIndex;
  }
}

/** Cuts a page before tags. An element that spans a cut loses its formatting, not its text. */
function* slices(html: string): Generator<string> {
  let start = 0;
  let tags = 0;
  for (const { index } of html.matchAll(/<\/?[a-z]/gi)) {
    if (++tags <= slice.tags && index - start < slice.chars) continue;
    yield html.slice(start, index);
    start = index;
    tags = 0;
  }
  yield html.slice(start);
}
