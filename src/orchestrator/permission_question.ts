/** Tells whether a reply ends by asking for leave to go on. Used where auto-proceed is switched on. */

const questions = [
  /\b(?:shall|should) (?:i|we)\b[^?]*\?$/i,
  /\b(?:do you want|would you like|want) me to\b[^?]*\?$/i,
  /\b(?:may|can) i (?:proceed|continue|go ahead)\b[^?]*\?$/i,
  /\b(?:ready to )?(?:proceed|continue|go ahead)\?$/i,
];

/** True for a text such as "I found two files. Shall I proceed?". */
export function asksForPermission(text: string): boolean {
  const end = text.trimEnd().slice(-300);
  const sentence = end.slice(Math.max(end.lastIndexOf("\n"), end.search(/[.!][^.!]*$/)) + 1);
  return questions.some((question) => question.test(sentence.trim()));
}
