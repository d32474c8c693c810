import assert from "node:assert/strict";
import { asksForPermission, ContinuationDeduplicator } from "../../src/turn/continuation.ts";

/** What is shown of a continuation that arrives in these deltas. */
function shown(before: string, deltas: readonly string[]): string {
  const deduplicator = new ContinuationDeduplicator(before);
  return deltas.map((delta) => deduplicator.add(delta)).join("") + deduplicator.flush();
}

const story = "Once upon a time there was a princess in a tower";

const joins: readonly { name: string; before: string; deltas: readonly string[]; is: string }[] = [
  {
    name: "new text is shown unchanged",
    before: story,
    deltas: [" of", " glass."],
    is: " of glass.",
  },
  {
    name: "a repeated end is removed",
    before: story,
    deltas: ["princess in a tower", " of glass."],
    is: " of glass.",
  },
  {
    name: "a repeated end in one delta with new text is removed",
    before: story,
    deltas: ["in a tower of glass."],
    is: " of glass.",
  },
  {
    name: "a repetition that arrives letter by letter is removed",
    before: story,
    deltas: [..."in a tower of glass."],
    is: " of glass.",
  },
  {
    name: "a repetition of a whole short text is removed",
    before: "Hello there, ",
    deltas: ["Hello ", "there, friend"],
    is: "friend",
  },
  {
    name: "a few equal letters do not count as a repetition",
    before: "Say ha ha",
    deltas: [" ha ha"],
    is: " ha ha",
  },
  {
    name: "words from the middle do not count as a repetition",
    before: story,
    deltas: ["upon a time", " again"],
    is: "upon a time again",
  },
  { name: "an empty continuation stays empty", before: story, deltas: ["", ""], is: "" },
  {
    name: "text held back at the end is shown",
    before: story,
    deltas: ["there was"],
    is: "there was",
  },
  {
    name: "a continuation that only repeats shows nothing",
    before: story,
    deltas: ["princess", " in a tower"],
    is: "",
  },
];

for (const { name, before, deltas, is } of joins) {
  Deno.test(`${name} after a cut`, () => assert.equal(shown(before, deltas), is));
}

Deno.test("text that cannot be a repetition is not held back", () => {
  const deduplicator = new ContinuationDeduplicator(story);
  assert.equal(deduplicator.add(" of"), " of");
  assert.equal(deduplicator.add(" in a tower"), " in a tower");
  assert.equal(deduplicator.flush(), "");
});

Deno.test("a continuation shows the same text however it is split into deltas", () => {
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

const asking = [
  "I found two files. Shall I proceed?",
  "Should I delete them?",
  "Do you want me to continue?  \n",
  "Would you like me to write the tests as well?",
  "Done with the first part.\n\nReady to continue?",
  "May I go ahead?",
  "That was step one! Proceed?",
  "Should I delete main.ts?",
  "Shall I upgrade to version 2.4.2?",
];

const notAsking = [
  "",
  "All done.",
  "What is your name?",
  "Shall I compare thee to a summer's day? Thou art more lovely.",
  "Would you like tea or coffee?",
  "You asked: shall I proceed? I say yes.",
  "Which of the two should I delete?",
  "How should I name the file?",
];

for (const text of asking) {
  Deno.test(`${JSON.stringify(text)} asks for permission`, () =>
    assert.ok(asksForPermission(text)));
}

for (const text of notAsking) {
  Deno.test(`${JSON.stringify(text)} does not ask for permission`, () =>
    assert.ok(!asksForPermission(text)));
}
