/** The seam between an answer that was cut and its continuation. */

import assert from "node:assert/strict";
import { ContinuationDeduplicator } from "../../src/turn/continuation.ts";

/** What is shown of a continuation that comes in these deltas. */
function shown(before: string, deltas: readonly string[]): string {
  const seam = new ContinuationDeduplicator(before);
  return deltas.map((delta) => seam.add(delta)).join("") + seam.flush();
}

const story = "Once upon a time there was a princess in a tower";

const joins: readonly { name: string; before: string; deltas: readonly string[]; is: string }[] = [
  {
    name: "new text is shown as it is",
    before: story,
    deltas: [" of", " glass."],
    is: " of glass.",
  },
  {
    name: "a repeated tail is left out",
    before: story,
    deltas: ["princess in a tower", " of glass."],
    is: " of glass.",
  },
  {
    name: "a repeated tail in one delta with new text is left out",
    before: story,
    deltas: ["in a tower of glass."],
    is: " of glass.",
  },
  {
    name: "a repetition that comes letter by letter is left out",
    before: story,
    deltas: [..."in a tower of glass."],
    is: " of glass.",
  },
  {
    name: "a repetition of all of a short text is left out",
    before: "Hello there, ",
    deltas: ["Hello ", "there, friend"],
    is: "friend",
  },
  { name: "a few equal letters are chance", before: "Say ha ha", deltas: [" ha ha"], is: " ha ha" },
  {
    name: "words from the middle are no repetition",
    before: story,
    deltas: ["upon a time", " again"],
    is: "upon a time again",
  },
  { name: "nothing stays nothing", before: story, deltas: ["", ""], is: "" },
  {
    name: "what is held back at the end is shown",
    before: story,
    deltas: ["there was"],
    is: "there was",
  },
  {
    name: "a continuation that is only the repetition shows nothing",
    before: story,
    deltas: ["princess", " in a tower"],
    is: "",
  },
];

for (const { name, before, deltas, is } of joins) {
  Deno.test(`${name} after a cut`, () => assert.equal(shown(before, deltas), is));
}

Deno.test("text that cannot be a repetition is not held back", () => {
  const seam = new ContinuationDeduplicator(story);
  assert.equal(seam.add(" of"), " of");
  assert.equal(seam.add(" in a tower"), " in a tower");
  assert.equal(seam.flush(), "");
});

Deno.test("however a continuation is cut into deltas, the same is shown", () => {
  const continuation = "was a princess in a tower of glass, on a hill of ice.";
  for (let first = 0; first <= continuation.length; first++) {
    for (let second = first; second <= continuation.length; second += 5) {
      const deltas = [
        continuation.slice(0, first),
        continuation.slice(first, second),
        continuation.slice(second),
      ];
      assert.equal(shown(story, deltas), " of glass, on a hill of ice.");
    }
  }
});
