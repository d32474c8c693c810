/**
 * Downloads what a URL shows, within limits: time, bytes, redirects, types of content. Used by
 * `fetch_url`; every request goes through the egress guard.
 */

import { Buffer } from "node:buffer";
import { errorText } from "../../lib/error_text.ts";
import { version } from "../../config/version.ts";
import type { EgressGuard } from "./egress_guard.ts";

/** The limits of a {@linkcode download}. */
export interface DownloadOptions {
  readonly guard: EgressGuard;
  readonly signal: AbortSignal;
  /** Bytes of a page that are read, after decompression; the rest is cut off. */
  readonly maxBytes: number;
  readonly maxRedirects: number;
}

/** What a URL shows. */
export interface WebPage {
  /** Where the redirects led. */
  readonly url: string;
  /** Media type in lower case, without parameters. */
  readonly mediaType: string;
  /** What the header says of the encoding of the characters. */
  readonly charset: string | undefined;
  readonly bytes: Uint8Array;
  /** Whether the page has more bytes than these. */
  readonly cut: boolean;
}

/** Types beside `text/…` that are text. */
const textType =
  /^(?:text\/[\w.+-]+|application\/(?:[\w.-]+\+)?(?:json|xml)|application\/(?:x-)?(?:ndjson|yaml|javascript|markdown))$/;

/**
 * Downloads a page.
 *
 * @throws {EgressError} when it, or where it redirects to, must not be reached.
 * @throws {Error} when it cannot be reached, is not text, or answers with an error.
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
  if (!url) throw new Error(`Cannot fetch ${JSON.stringify(text)}: it is not a full URL`);
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
    ? textType.test(mediaType) ? undefined : `its type is "${mediaType}", and only text is read`
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
    // Leaving the loop early ends the download.
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      chunks.push(chunk);
      if (size > maxBytes) break;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`Cannot read "${response.url}" to its end: ${errorText(error)}`);
  }
  const bytes = Buffer.concat(chunks);
  return { bytes: bytes.subarray(0, maxBytes), cut: size > maxBytes };
}
