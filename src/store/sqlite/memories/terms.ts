/**
 * The terms under which a fact is found: its words without what people leave out or vary, so that "Cafés"
 * finds "café". Whoever changes this has to make the terms of what is kept anew, in a migration.
 */

import { stemmer } from "stemmer";

/** Terms of a query that are looked for: a message may be a book. */
const maxQueryTerms = 40;
/** Characters of a term: more of them tell no word from another. */
const maxTermLength = 64;

/** Words that would match nearly everything, and cost the more the more there is. */
const commonWords = new Set(
  ("a about all am an and any are as at be but by can did do does for from had has have he her his " +
    "how i if in is it its me my of on or our she so that the their them they this to was we " +
    "were what when where which who why will with would you your").split(" "),
);

/** A letter of a script that puts no space between words, or hangs short ones on. */
const unspaced = "[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}ー]";
const unspacedFirst = new RegExp(`^${unspaced}`, "u");
const runs = new RegExp(`${unspaced}+|(?:(?!${unspaced}).)+`, "gu");

/** The terms of a fact, each with how often it stands there. */
export function termsOf(text: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const word of wordsOf(text)) {
    for (const term of toTerms(word)) counts.set(term, (counts.get(term) ?? 0) + 1);
  }
  return counts;
}

/** The terms to look for; those of the commonest words only where there are no others. */
export function queryTermsOf(query: string): readonly string[] {
  const [telling, common] = [new Set<string>(), new Set<string>()];
  for (const word of wordsOf(query)) {
    const terms = commonWords.has(word) ? common : telling;
    for (const term of toTerms(word)) terms.add(term);
    // The rest of a book is not looked at.
    if (telling.size >= maxQueryTerms) break;
  }
  return [...(telling.size > 0 ? telling : common)].slice(0, maxQueryTerms);
}

/** Words in lower case, without the accents of Latin, Greek and Cyrillic letters, in one form. */
function* wordsOf(text: string): Generator<string> {
  for (const [word] of text.matchAll(/[\p{L}\p{M}\p{N}]+/gu)) {
    const folded = isAscii(word)
      ? word.toLowerCase()
      // Only these marks: those of other scripts are vowels, or make another letter.
      : word.normalize("NFKD").replace(/[\u0300-\u036f]+/g, "").toLowerCase().normalize("NFC");
    if (folded) yield folded;
  }
}

/** Where no space tells where a word ends, each two neighbours stand for the words they may be. */
function toTerms(word: string): readonly string[] {
  if (isAscii(word)) return [cut(/^[a-z]+$/.test(word) ? stemmer(cut(word)) : word)];
  return word.match(runs)!.flatMap((run) => {
    if (!unspacedFirst.test(run)) return [cut(run)];
    const letters = [...run];
    if (letters.length < 3) return [run];
    return letters.slice(1).map((letter, index) => letters[index]! + letter);
  });
}

function cut(word: string): string {
  return word.length > maxTermLength ? word.slice(0, maxTermLength).toWellFormed() : word;
}

function isAscii(word: string): boolean {
  // A word has letters, marks and digits only.
  return /^[0-9A-Za-z]*$/.test(word);
}
