/** What was meant: the word of a list that is nearest to one that is not in it. Used for hints. */

/** The nearest of the words, if one is near enough that it may have been meant. */
export function closestWord(word: string, words: readonly string[]): string | undefined {
  const [nearest] = words
    // Half a word is a beginning of one, more likely than it is another.
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

/** Letters to add, drop or change, or neighbours to swap (the optimal string alignment). */
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
