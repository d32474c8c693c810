/**
 * Serializes the terms of a memory, and searches a user's memories by scanning their lists. Scanning ten
 * thousand takes a few milliseconds, and other users' memories are not read.
 *
 * A list is little-endian: id and time as 64-bit floats, number of words in the text and number of entries as
 * 32-bit integers, then the entries: a 32-bit hash of each term, repeated as often as the term occurs.
 */

import { termsOf } from "./terms.ts";

/** Size of the header, and offsets of the counts in it, in 32-bit units. */
const headUnits = 6;
const wordsAt = 4;
const entriesAt = 5;
/** Maximum number of entries for one term. More would hardly change the score. */
const maxRepeats = 4;
/** The constants k1 and b of Okapi BM25. */
const saturation = 1.2;
const lengthWeight = 0.75;
/** Size of the hash filter that skips most terms not in the query. */
const filterBits = 12;

/** The part of a memory that its list contains. */
export interface ListedMemory {
  readonly id: number;
  readonly text: string;
  readonly createdAt: number;
}

/** A search. */
export interface TermQuery {
  /** Distinct terms. */
  readonly terms: readonly string[];
  /** Age difference to the newest memory that halves the score, milliseconds. */
  readonly halfWeightAgeMs: number;
  readonly limit: number;
}

/** Serializes the terms of a memory. */
export function termList({ id, text, createdAt }: ListedMemory): Uint8Array {
  const counts = [...termsOf(text)];
  const entries = counts.flatMap(([term, count]) =>
    Array<number>(Math.min(count, maxRepeats)).fill(hashOf(term))
  );
  const units = new Uint32Array(headUnits + entries.length);
  const head = new DataView(units.buffer);
  head.setFloat64(0, id, true);
  head.setFloat64(8, createdAt, true);
  units[wordsAt] = counts.reduce((sum, [, count]) => sum + count, 0);
  units[entriesAt] = entries.length;
  units.set(entries, headUnits);
  return new Uint8Array(units.buffer);
}

/**
 * Returns the ids of the best matches in concatenated lists, best first; equal matches are sorted newest
 * first. Rare terms weigh more.
 */
export function bestMatches(
  lists: Uint8Array,
  { terms, halfWeightAgeMs, limit }: TermQuery,
): readonly number[] {
  // Copied if not aligned to 32 bits.
  const bytes = lists.byteOffset % 4 === 0 ? lists : lists.slice();
  const units = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const idOf = (at: number) => head.getFloat64(at * 4, true);
  const timeOf = (at: number) => head.getFloat64(at * 4 + 8, true);
  const { starts, hits, totals } = findHits(units, terms);
  const rarities = totals.map((total) =>
    Math.log(1 + (starts.length - total + 0.5) / (total + 0.5))
  );
  let [words, newest] = [0, -Infinity];
  for (const at of starts) {
    words += units[at + wordsAt]!;
    newest = Math.max(newest, timeOf(at));
  }
  const perWord = saturation * lengthWeight * starts.length / words;
  const scores = new Float64Array(starts.length);
  for (let hit = 0; hit < hits.memories.length; hit++) {
    const memory = hits.memories[hit]!;
    const count = hits.counts[hit]!;
    const damping = saturation * (1 - lengthWeight) + perWord * units[starts[memory]! + wordsAt]!;
    scores[memory]! += rarities[hits.terms[hit]!]! * count / (count + damping);
  }
  scores.forEach((score, memory) => {
    if (score > 0) {
      scores[memory] = score / (1 + (newest - timeOf(starts[memory]!)) / halfWeightAgeMs);
    }
  });
  return highest(scores, limit)
    .map((memory) => ({ id: idOf(starts[memory]!), score: scores[memory]! }))
    .sort((a, b) => b.score - a.score || b.id - a.id)
    .slice(0, limit)
    .map(({ id }) => id);
}

/** Returns where each list starts, which memories contain which terms, and how many contain each. */
function findHits(units: Uint32Array, terms: readonly string[]) {
  const termByHash = new Map(terms.map((term, index) => [hashOf(term), index]));
  const filter = new Uint8Array(1 << filterBits);
  const mask = filter.length - 1;
  for (const hash of termByHash.keys()) filter[hash & mask] = 1;
  const starts: number[] = [];
  // Columns, because objects for all hits would dominate the cost.
  const hits = { memories: [] as number[], terms: [] as number[], counts: [] as number[] };
  const totals = terms.map(() => 0);
  for (let at = 0, end = 0; at < units.length; at = end) {
    end = at + headUnits + units[at + entriesAt]!;
    for (let index = at + headUnits; index < end; index++) {
      const hash = units[index]!;
      if (filter[hash & mask] === 0) continue;
      const term = termByHash.get(hash);
      if (term === undefined) continue;
      const first = index;
      while (index + 1 < end && units[index + 1] === hash) index++;
      hits.memories.push(starts.length);
      hits.terms.push(term);
      hits.counts.push(index - first + 1);
      totals[term]!++;
    }
    starts.push(at);
  }
  return { starts, hits, totals };
}

/**
 * Returns the indexes of the highest scores, possibly more than `limit` because of ties. Sorts plain
 * numbers, since a comparison function would be slow for thousands.
 */
function highest(scores: Float64Array, limit: number): readonly number[] {
  const found: number[] = [];
  scores.forEach((score, index) => {
    if (score > 0) found.push(index);
  });
  const least = Float64Array.from(found, (index) => scores[index]!).sort().at(-limit) ?? 0;
  return found.filter((index) => scores[index]! >= least);
}

/** FNV-1a with a final mix, because the filter uses the lowest bits. */
function hashOf(term: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < term.length; index++) {
    hash = Math.imul(hash ^ term.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  return (hash ^ hash >>> 13) >>> 0;
}
