/** Text in the encodings that people's programs write. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError } from "../../src/lib/config_error.ts";
import { decodeText, readTextFile, readTextFileSync } from "../../src/lib/files.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

const bytes = (...values: readonly number[]) => Uint8Array.from(values);
const utf8 = (text: string) => new TextEncoder().encode(text);

function utf16(text: string, littleEndian: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(text.length * 2 + 2));
  [0xfeff, ...Array.from(text, (letter) => letter.charCodeAt(0))]
    .forEach((unit, index) => view.setUint16(index * 2, unit, littleEndian));
  return new Uint8Array(view.buffer);
}

const readable: readonly (readonly [string, Uint8Array, string | undefined, string])[] = [
  ["UTF-8", utf8("Grüße 👋"), undefined, "Grüße 👋"],
  ["UTF-8 with a mark", bytes(0xef, 0xbb, 0xbf, 0x61), undefined, "a"],
  ["UTF-16 LE with a mark", utf16("Grüße", true), undefined, "Grüße"],
  ["UTF-16 BE with a mark", utf16("Grüße", false), "iso-8859-1", "Grüße"],
  ["Latin-1 by its name", bytes(0x47, 0x72, 0xfc, 0xdf, 0x65), "iso-8859-1", "Grüße"],
  ["GBK by its name", bytes(0xc4, 0xe3, 0xba, 0xc3), "gbk", "你好"],
  ["UTF-8 with a charset that nobody knows", utf8("ok"), "x-unknown", "ok"],
  ["nothing", bytes(), undefined, ""],
];
for (const [name, data, charset, expected] of readable) {
  Deno.test(`${name} is decoded`, () => assert.equal(decodeText(data, { charset }), expected));
}

const refused: readonly (readonly [string, Uint8Array])[] = [
  ["bytes that are not UTF-8", bytes(0x47, 0xfc, 0x65)],
  ["UTF-16 without a mark", utf16("abc", true).slice(2)],
  ["binary data", bytes(0, 1, 2, 3, 255, 254)],
  ["an odd number of UTF-16 bytes", bytes(0xff, 0xfe, 0x61)],
];
for (const [name, data] of refused) {
  Deno.test(`${name} does not pass as text`, () => assert.equal(decodeText(data), undefined));
}

Deno.test("a file that is not text is refused by name, a missing one is undefined", async () => {
  await using folder = new TempFolder();
  const path = join(folder.path, "x.yaml");
  assert.equal(await readTextFile(path), undefined);
  assert.equal(readTextFileSync(path), undefined);
  await Deno.writeFile(path, bytes(0xfc, 0xfd));
  await assert.rejects(
    readTextFile(path),
    (error: Error) =>
      error instanceof ConfigError && error.message === `Cannot read ${path}: it is not UTF-8 text`,
  );
  await Deno.writeFile(path, utf16("a: 1", true));
  assert.equal(readTextFileSync(path), "a: 1");
});
