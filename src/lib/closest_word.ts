/** Suggestions for misspelled words. */

/** The word that was probably meant, if one is similar enough. */
export function closestWord(word: string, words: readonly string[]): string | undefined {
  const [nearest] = words
    // A prefix is more likely than a misspelling.
    .map((candidate) => ({
      candidate,
      distance: word.length > 2 && candidate.startsWith(word) ? 0.5 : distanceOf(word, candidate),
    }))
    .filter(({ candidate, distance }) =>
      distance <= Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 3))
    )
    .sort((a, b) => a.distance - b.distance);
  return nearest?.candidate;
}

/** The optimal string alignment distance: letters to add, delete, change or swap. */
function distanceOf(a: string, b: string): number {
  let [before, last]: [readonly number[], readonly number[]] = [
    [],
    Array.from({ length: b.length + 1 }, (_, index) => index),
  ];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, changed);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length]!;
}
