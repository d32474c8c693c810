/** Tells whether a reply ends by asking for leave to go on. Used where auto-proceed is switched on. */

/** The questions, each at the beginning of a sentence or behind a comma. */
const questions = [
  /(?:^|[,;:–-] )(?:(?:so|ok|okay|now|then|and|or|well),? )*(?:shall|should) (?:i|we)\b[^?]*\?$/i,
  /\b(?:do you want|would you like|want) me to\b[^?]*\?$/i,
  /(?:^|[,;:–-] )(?:may|can|could) i (?:now )?(?:proceed|continue|go ahead|start)\b[^?]*\?$/i,
  /(?:^|[,;:–-] )(?:ready to )?(?:proceed|continue|go ahead)\?$/i,
];

/** True for a text such as "I found two files. Shall I proceed?". */
export function asksForPermission(text: string): boolean {
  const end = text.trimEnd().slice(-300);
  // A full stop within a word (main.ts, 2.4.2) ends no sentence.
  const sentence = end.split(/(?<=[.!?…])\s+|\n+/).at(-1) ?? "";
  return questions.some((question) => question.test(sentence.replace(/^[\W_]+/, "")));
}
