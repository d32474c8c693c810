/**
 * An image attachment as models take it. Platforms label images loosely, so the type is read from the bytes: PNG,
 * JPEG, GIF and WebP are what all providers with vision accept.
 */

import { Buffer } from "node:buffer";

/** Largest image that is sent, bytes. Providers accept 5 to 20 MB; a refusal there costs a round trip. */
const maxBytes = 10 * 1024 * 1024;
/** Longest side, pixels (Anthropic). */
const maxSide = 8_000;
/**
 * Bytes that are decoded to read type and size: enough for the header of a JPEG with a large preview,
 * and a multiple of 3, because Deno 2.4 rejects base64 that ends inside a group.
 */
const headBytes = 255 * 1024;

/** An image to send, or the reason why it is not sent. */
export type ReadImage =
  | { readonly url: string }
  | { readonly refusal: string };

/** Reads an image from base64, with or without a `data:` prefix, line breaks or URL-safe letters. */
export function readImage(base64: string, label = "unknown type"): ReadImage {
  const data = plainBase64(base64);
  if (data === undefined) return { refusal: "its data is not valid base64" };
  const bytes = Math.floor(data.length * 3 / 4);
  const head = Buffer.from(data.slice(0, headBytes * 4 / 3), "base64");
  const found = typeOf(head);
  if (!found) return { refusal: `${label.slice(0, 60)} is not a type that models read` };
  if (bytes > maxBytes) {
    return { refusal: `it is larger than ${maxBytes / 1024 / 1024} MB` };
  }
  const { width, height } = found.size(head) ?? { width: 1, height: 1 };
  if (width > maxSide || height > maxSide) {
    return { refusal: `it has ${width} × ${height} pixels; ${maxSide} a side are allowed` };
  }
  if (width === 0 || height === 0) return { refusal: "it is empty" };
  const padded = data.padEnd(Math.ceil(data.length / 4) * 4, "=");
  return { url: `data:${found.type};base64,${padded}` };
}

/** The letters of base64 alone, without padding; undefined if it is something else. */
function plainBase64(text: string): string | undefined {
  const comma = text.startsWith("data:") ? text.indexOf(",") : -1;
  let data = text.slice(comma + 1);
  // Most are plain already, and large: one pass must do.
  if (/[^A-Za-z0-9+/]/.test(data)) {
    data = data.replaceAll(/\s/g, "").replaceAll("-", "+").replaceAll("_", "/")
      .replace(/={1,2}$/, "");
    if (/[^A-Za-z0-9+/]/.test(data)) return undefined;
  }
  return data === "" || data.length % 4 === 1 ? undefined : data;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

interface ImageType {
  readonly type: string;
  readonly size: (head: Buffer) => Size | undefined;
}

function typeOf(head: Buffer): ImageType | undefined {
  const text = head.subarray(0, 16).toString("latin1");
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return { type: "image/png", size: pngSize };
  if (text.startsWith("\xff\xd8\xff")) return { type: "image/jpeg", size: jpegSize };
  if (/^GIF8[79]a/.test(text)) return { type: "image/gif", size: gifSize };
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") {
    return { type: "image/webp", size: () => undefined };
  }
  return undefined;
}

function pngSize(head: Buffer): Size | undefined {
  if (head.length < 24) return undefined;
  return { width: head.readUInt32BE(16), height: head.readUInt32BE(20) };
}

function gifSize(head: Buffer): Size | undefined {
  if (head.length < 10) return undefined;
  return { width: head.readUInt16LE(6), height: head.readUInt16LE(8) };
}

/** Walks the segments to the start of frame, which has the size. */
function jpegSize(head: Buffer): Size | undefined {
  for (let at = 2; at + 9 < head.length;) {
    if (head[at] !== 0xff) return undefined;
    const marker = head[at + 1]!;
    if (marker === 0xff) {
      at++;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { height: head.readUInt16BE(at + 5), width: head.readUInt16BE(at + 7) };
    at += 2 + head.readUInt16BE(at + 2);
  }
  return undefined;
}
