/**
 * Downloads a web page and converts it to text, within limits on time, size, redirects and content
 * types. Every request goes through the egress guard.
 */

import { Buffer } from "node:buffer";
import { errorText } from "../../lib/error_text.ts";
import { version } from "../../config/version.ts";
import type { EgressGuard } from "./egress_guard.ts";
import { htmlText } from "./html_text.ts";

/** Options of {@linkcode download}. */
export interface DownloadOptions {
  readonly guard: EgressGuard;
  readonly signal: AbortSignal;
  /** Bytes to read after decompression; the rest is cut off. */
  readonly maxBytes: number;
  readonly maxRedirects: number;
}

/** A downloaded page. */
export interface WebPage {
  /** The URL after all redirects. */
  readonly url: string;
  /** Media type in lower case, without parameters. */
  readonly mediaType: string;
  /** The character encoding named by the header. */
  readonly charset: string | undefined;
  readonly bytes: Uint8Array;
  /** Whether the page is longer than `bytes`. */
  readonly cut: boolean;
}

/** Media types that are text. */
const textType =
  /^(?:text\/[\w.+-]+|application\/(?:[\w.-]+\+)?(?:json|xml)|application\/(?:x-)?(?:ndjson|yaml|javascript|markdown))$/;

/**
 * Downloads a page.
 *
 * @throws {EgressError} if the page or a redirect leads to a forbidden address.
 * @throws {Error} if the page cannot be reached, is not text, or the server answers with an error.
 */
export async function download(start: string, options: DownloadOptions): Promise<WebPage> {
  using pass = options.guard.open();
  let url = parseUrl(start);
  for (let redirects = 0;; redirects++) {
    options.guard.checkUrl(url);
    const response = await request(url, { client: pass.client, signal: options.signal })
      .catch((error) => {
        options.signal.throwIfAborted();
        throw pass.refusal ?? new Error(`Cannot fetch "${url}": ${errorText(error)}`);
      });
    const location = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || location === null) {
      return await read(response, url, options);
    }
    await response.body?.cancel();
    if (redirects >= options.maxRedirects) {
      throw new Error(`Cannot fetch "${start}": more than ${options.maxRedirects} redirects`);
    }
    url = parseUrl(location, url);
  }
}

function parseUrl(text: string, base?: URL): URL {
  const url = URL.parse(text, base);
  if (!url) throw new Error(`Cannot fetch ${JSON.stringify(text)}: it is not a complete URL`);
  url.hash = "";
  return url;
}

function request(
  url: URL,
  { client, signal }: { readonly client: Deno.HttpClient; readonly signal: AbortSignal },
): Promise<Response> {
  return fetch(url, {
    client,
    signal,
    redirect: "manual",
    headers: {
      accept: "text/html, text/markdown, text/plain, application/json, application/xml;q=0.9, " +
        "*/*;q=0.1",
      "user-agent": `clara-gateway/${version}`,
    },
  });
}

async function read(response: Response, url: URL, options: DownloadOptions): Promise<WebPage> {
  const contentType = response.headers.get("content-type") ?? "text/plain";
  const mediaType = contentType.split(";")[0]!.trim().toLowerCase();
  const problem = response.ok
    ? textType.test(mediaType) ? undefined : `its type is "${mediaType}"; only text can be read`
    : `the server answered ${response.status} ${response.statusText}`.trim();
  if (problem) {
    await response.body?.cancel();
    throw new Error(`Cannot fetch "${url}": ${problem}`);
  }
  const { bytes, cut } = await readAtMost(response, options);
  const charset = /charset\s*=\s*"?([\w.:-]+)/i.exec(contentType)?.[1];
  return { url: url.href, mediaType, charset, bytes, cut };
}

async function readAtMost(
  response: Response,
  { maxBytes, signal }: DownloadOptions,
): Promise<Pick<WebPage, "bytes" | "cut">> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    // Leaving the loop aborts the download.
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      chunks.push(chunk);
      if (size > maxBytes) break;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`Cannot finish reading "${response.url}": ${errorText(error)}`);
  }
  const bytes = Buffer.concat(chunks);
  return { bytes: bytes.subarray(0, maxBytes), cut: size > maxBytes };
}

/** The text of a page. */
export interface PageText {
  readonly title: string | undefined;
  readonly text: string;
}

/** Where the beginning of a page declares its encoding. */
const encodingDeclarations = [
  /<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)/i,
  /<\?xml[^>]+encoding\s*=\s*["']([\w.:-]+)/i,
];

/** Converts a page to text; HTML loses its layout and keeps its links. */
export async function pageText(page: WebPage): Promise<PageText> {
  const source = decode(page);
  if (page.mediaType !== "text/html" && page.mediaType !== "application/xhtml+xml") {
    return { title: undefined, text: source };
  }
  return await htmlText(source, { url: page.url });
}

function decode({ bytes, charset }: WebPage): string {
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, 2048));
  const declared = encodingDeclarations.map((pattern) => pattern.exec(head)?.[1]).find(Boolean);
  for (const label of [charset, declared]) {
    const decoder = label && decoderOf(label);
    if (decoder) return decoder.decode(bytes);
  }
  return new TextDecoder().decode(bytes);
}

/** A decoder; undefined if the encoding is unknown. */
function decoderOf(label: string): TextDecoder | undefined {
  try {
    return new TextDecoder(label);
  } catch {
    return undefined;
  }
}
