/** Which ends of a reply ask for leave to go on. */

import assert from "node:assert/strict";
import { asksForPermission } from "../../src/turn/continuation.ts";

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
  Deno.test(`${JSON.stringify(text)} asks for leave`, () => assert.ok(asksForPermission(text)));
}

for (const text of notAsking) {
  Deno.test(`${JSON.stringify(text)} does not ask for leave`, () =>
    assert.ok(!asksForPermission(text)));
}
