/** What is kept of a program's output. */

import assert from "node:assert/strict";
import { OutputCap } from "../../../src/automation/command/output_cap.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** The text that is kept of these pieces. */
function kept(maxBytes: number, pieces: readonly Uint8Array[]): string {
  const cap = new OutputCap(maxBytes);
  for (const piece of pieces) cap.add(piece);
  return cap.text();
}

Deno.test("what fits is kept as it is, up to the last byte", () => {
  assert.equal(kept(10, []), "");
  assert.equal(kept(10, [bytesOf("0123"), bytesOf(""), bytesOf("456789")]), "0123456789");
  assert.equal(kept(10, [bytesOf("0123456789")]), "0123456789");
});

Deno.test("of more the beginning and the end are kept, and the rest is counted", () => {
  const said = "01234\n[3 bytes are not kept]\n89abc";
  assert.equal(kept(10, [bytesOf("0123456789abc")]), said);
  assert.equal(kept(10, [bytesOf("01"), bytesOf("23456789ab"), bytesOf("c")]), said);
  const single = [..."0123456789abc"].map(bytesOf);
  assert.equal(kept(10, single), said);
});

Deno.test("what is kept does not depend on the pieces in which it comes", () => {
  const all = bytesOf(Array.from({ length: 400 }, (_, index) => `line ${index} ü€😀`).join("\n"));
  const whole = kept(1_000, [all]);
  for (const size of [1, 7, 64, 499, 500, 501, 1_001]) {
    const pieces = [];
    for (let at = 0; at < all.length; at += size) pieces.push(all.slice(at, at + size));
    assert.equal(kept(1_000, pieces), whole, `in pieces of ${size}`);
  }
});

Deno.test("a character that is split between pieces, or between the halves, is whole", () => {
  const bytes = bytesOf("a€😀b");
  for (let at = 0; at <= bytes.length; at++) {
    assert.equal(kept(100, [bytes.slice(0, at), bytes.slice(at)]), "a€😀b", `split at ${at}`);
  }
  // The middle of the limit lies within a character, but nothing is missing.
  assert.equal(kept(bytes.length + 1, [bytes]), "a€😀b");
});

Deno.test("a character that the cut goes through is replaced, the others are not harmed", () => {
  const text = kept(8, [bytesOf("€€€€€€")]);
  assert.match(text, /^€\ufffd+\n\[10 bytes are not kept\]\n\ufffd+€$/);
});

Deno.test("bytes that are no text do not break what is", () => {
  assert.equal(kept(100, [new Uint8Array([0xff, 0x41, 0xc3])]), "\ufffdA\ufffd");
});

Deno.test("a piece may be used again by whoever gave it", () => {
  const cap = new OutputCap(8);
  const buffer = bytesOf("abcdefgh");
  cap.add(buffer);
  buffer.fill(0x78);
  assert.equal(cap.text(), "abcdefgh");
});
