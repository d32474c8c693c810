/**
 * Splits text into search terms: words stripped of case, accents and English endings, so that "Cafés" finds
 * "cafe". Changes here require a migration that rebuilds `memory_terms`.
 */

import { stemmer } from "stemmer";

/** Maximum number of terms in a query, since a message may be very long. */
const maxQueryTerms = 40;
/** Maximum length of a term, characters. */
const maxTermLength = 64;

/** Words that would match nearly every memory. */
const commonWords = new Set(
  ("a about all am an and any are as at be but by can did do does for from had has have he her his " +
    "how i if in is it its me my of on or our she so that the their them they this to was we " +
    "were what when where which who why will with would you your").split(" "),
);

/** A letter of a script that does not separate words with spaces. */
const unspaced = "[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}ー]";
const unspacedFirst = new RegExp(`^${unspaced}`, "u");
const runs = new RegExp(`${unspaced}+|(?:(?!${unspaced}).)+`, "gu");

/** Returns the terms of a text with their number of occurrences. */
export function termsOf(text: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const word of wordsOf(text)) {
    for (const term of toTerms(word)) counts.set(term, (counts.get(term) ?? 0) + 1);
  }
  return counts;
}

/** Returns the distinct terms of a query. Includes common words only if there are no others. */
export function queryTermsOf(query: string): readonly string[] {
  const [specific, common] = [new Set<string>(), new Set<string>()];
  for (const word of wordsOf(query)) {
    const terms = commonWords.has(word) ? common : specific;
    for (const term of toTerms(word)) terms.add(term);
    if (specific.size >= maxQueryTerms) break;
  }
  return [...(specific.size > 0 ? specific : common)].slice(0, maxQueryTerms);
}

/** Yields words in lower case and NFC, without the accents of Latin, Greek and Cyrillic letters. */
function* wordsOf(text: string): Generator<string> {
  for (const [word] of text.matchAll(/[\p{L}\p{M}\p{N}]+/gu)) {
    const folded = isAscii(word)
      ? word.toLowerCase()
      // Not in other scripts, where marks are vowels or distinguish letters.
      : word.normalize("NFKD").replace(/[\u0300-\u036f]+/g, "").toLowerCase().normalize("NFC");
    if (folded) yield folded;
  }
}

/** Splits a word into terms: pairs of letters in scripts without spaces, otherwise the whole word. */
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
  return /^[0-9A-Za-z]*$/.test(word);
}
