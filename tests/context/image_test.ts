import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { readImage } from "../../src/context/image.ts";

const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg" +
  "gg==";
const gif = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
const jpeg = Buffer.from(
  "ffd8ffe000104a46494600010100000100010000ffc0000b080001000101011100ffd9",
  "hex",
).toString("base64");
const webp = Buffer.from("RIFF\x1a\0\0\0WEBPVP8L").toString("base64");

function pngOf(width: number, height: number): string {
  const bytes = Buffer.from(png, "base64");
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes.toString("base64");
}

const readable: readonly (readonly [string, string, string])[] = [
  ["a PNG", png, "image/png"],
  ["a GIF", gif, "image/gif"],
  ["a JPEG", jpeg, "image/jpeg"],
  ["a WebP", webp, "image/webp"],
  ["a data URL", `data:image/jpg;base64,${png}`, "image/png"],
  ["base64 with line breaks", png.replace(/(.{20})/g, "$1\r\n"), "image/png"],
  ["URL-safe base64 without padding", jpeg.replaceAll("+", "-").replaceAll("/", "_"), "image/jpeg"],
];
for (const [name, base64, type] of readable) {
  Deno.test(`${name} becomes a plain data URL of its real type`, () => {
    const image = readImage(base64, "image/heic");
    assert("url" in image, JSON.stringify(image));
    assert(image.url.startsWith(`data:${type};base64,`));
    assert.match(image.url, /^data:[a-z/]+;base64,[A-Za-z0-9+/]+=*$/);
  });
}

const refused: readonly (readonly [string, string, RegExp])[] = [
  ["an SVG", btoa("<svg xmlns='http://www.w3.org/2000/svg'/>"), /image\/svg\+xml is not a type/],
  ["nothing", "", /not valid base64/],
  ["no base64", "hello!", /not valid base64/],
  ["a data URL without data", "data:image/png;base64,", /not valid base64/],
  ["too many pixels", pngOf(9_000, 10), /9000 × 10 pixels/],
  ["no pixels", pngOf(0, 10), /empty/],
  ["too many bytes", png.replace(/=+$/, "").padEnd(15 * 1024 * 1024, "A"), /larger than 10 MB/],
];
for (const [name, base64, reason] of refused) {
  Deno.test(`${name} is refused with the reason`, () => {
    const image = readImage(base64, "image/svg+xml");
    assert("refusal" in image);
    assert.match(image.refusal, reason);
  });
}

Deno.test("any data labelled as an image is read or refused", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.base64String(), fc.uint8Array({ maxLength: 64 })),
      (data) => {
        const base64 = typeof data === "string"
          ? data
          : Buffer.from([0xff, 0xd8, 0xff, ...data]).toString("base64");
        const image = readImage(base64);
        assert("url" in image || image.refusal.length > 5);
      },
    ),
    { seed: 7 },
  );
});
