/**
 * From HTML to text. The page may be made to harm: whatever its form, this takes time in proportion
 * to its length, and lets the rest of the gateway run in between. Used by `page_text.ts`.
 */

import { setImmediate } from "node:timers/promises";

/** What is read of a page, characters. */
const maxHtmlChars = 2_000_000;
/**
 * How much is turned into text at a time. The parser takes time with the square of the depth of
 * elements: 5,000 nested ones take it some 10 ms, 300,000 half a minute.
 */
const slice = { tags: 5_000, chars: 200_000 } as const;
/** How deep the elements of a page may be nested to be read. */
const maxDepth = 200;

/** Elements that are no text, or that nobody comes to a page for. */
const dropped = [
  "title",
  ...["script", "style", "noscript", "template", "nav", "svg", "img", "iframe", "object"],
  ...["canvas", "audio", "video", "button", "input", "select", "textarea", "dialog"],
];

/** What is cut out before the parser sees it, so that no slice begins within it. */
const cutOut = [
  { open: /<!--/g, close: /--!?>/g },
  ...["script", "style", "noscript", "template", "nav", "svg"].map((name) => ({
    open: new RegExp(`<${name}(?=[\\s>/])`, "gi"),
    close: new RegExp(`</${name}\\s{0,10}>`, "gi"),
  })),
];

/** The title and the text of a page; `url` is what its links are relative to. */
export async function htmlText(
  html: string,
  { url }: { readonly url: string },
): Promise<{ readonly title: string | undefined; readonly text: string }> {
  // Loaded when the first page is read, so that the gateway starts fast.
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

/** What is used of the package, which brings no types of its own. */
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
      // A table is mostly layout: its rows are lines, its cells words.
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
  // A title is short; what follows on a page without an end of it is none.
  return html.slice(start, start + 1000).split(/<\/title/i)[0]?.trim() || undefined;
}

/** A text without all that stands between two marks; what never ends is dropped to the end. */
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

/** Cuts a page before tags. What spans a cut loses its form, not its text. */
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
