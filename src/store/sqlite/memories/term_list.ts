/**
 * The terms of a memory as bytes, and the search through those of one user, one after the other: what is
 * kept of others costs nothing, and ten thousand of them take a few milliseconds.
 *
 * A list is a head (id and time, 64-bit floats; words of the text, entries that follow) and for each term a
 * hash of 32 bits, all of it little-endian. A term that stands in the text repeatedly is there repeatedly.
 */

import { termsOf } from "./terms.ts";

/** 32-bit units of the head, and where in it the counts stand. */
const headUnits = 6;
const wordsAt = 4;
const entriesAt = 5;
/** Entries of one term: more of them hardly count, and a long text shall not cost more than it must. */
const maxRepeats = 4;
/** The constants of Okapi BM25: how soon a repeated word counts no more, how much length counts. */
const saturation = 1.2;
const lengthWeight = 0.75;
/** Of the table that most terms of a memory are told apart with from those that are looked for. */
const filterBits = 12;

/** A memory, as far as it is kept in its list. */
export interface ListedMemory {
  readonly id: number;
  readonly text: string;
  readonly createdAt: number;
}

/** What is looked for. */
export interface TermQuery {
  /** Of the query, each once. */
  readonly terms: readonly string[];
  /** A memory that is this much older than the newest one counts half, milliseconds. */
  readonly halfWeightAgeMs: number;
  readonly limit: number;
}

/** The list of one memory. */
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
 * The ids of the memories that match best, the best and newest first. A term weighs by how few of the
 * user's memories hold it.
 */
export function bestMatches(
  lists: Uint8Array,
  { terms, halfWeightAgeMs, limit }: TermQuery,
): readonly number[] {
  // A copy where the bytes do not begin where numbers may.
  const bytes = lists.byteOffset % 4 === 0 ? lists : lists.slice();
  const units = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const idOf = (at: number) => head.getFloat64(at * 4, true);
  const timeOf = (at: number) => head.getFloat64(at * 4 + 8, true);
  const { starts, hits, totals } = hitsIn(units, terms);
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
    scores[memory]! += rarities[hits.places[hit]!]! * count / (count + damping);
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

/** Where each memory begins, which of them hold which terms, and how many hold each. */
function hitsIn(units: Uint32Array, terms: readonly string[]) {
  const places = new Map(terms.map((term, place) => [hashOf(term), place]));
  const filter = new Uint8Array(1 << filterBits);
  const mask = filter.length - 1;
  for (const hash of places.keys()) filter[hash & mask] = 1;
  const starts: number[] = [];
  // In columns: an object for each would cost more than all the rest.
  const hits = { memories: [] as number[], places: [] as number[], counts: [] as number[] };
  const totals = terms.map(() => 0);
  for (let at = 0, end = 0; at < units.length; at = end) {
    end = at + headUnits + units[at + entriesAt]!;
    for (let index = at + headUnits; index < end; index++) {
      const hash = units[index]!;
      if (filter[hash & mask] === 0) continue;
      const place = places.get(hash);
      if (place === undefined) continue;
      const first = index;
      while (index + 1 < end && units[index + 1] === hash) index++;
      hits.memories.push(starts.length);
      hits.places.push(place);
      hits.counts.push(index - first + 1);
      totals[place]!++;
    }
    starts.push(at);
  }
  return { starts, hits, totals };
}

/**
 * The places of the highest scores, more than wanted where the last ones are equal. Not by sorting all of
 * them with a function: there may be thousands.
 */
function highest(scores: Float64Array, limit: number): readonly number[] {
  const found: number[] = [];
  scores.forEach((score, place) => {
    if (score > 0) found.push(place);
  });
  const least = Float64Array.from(found, (place) => scores[place]!).sort().at(-limit) ?? 0;
  return found.filter((place) => scores[place]! >= least);
}

/** FNV-1a, with its bits mixed: the filter looks at the lowest ones. */
function hashOf(term: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < term.length; index++) {
    hash = Math.imul(hash ^ term.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  return (hash ^ hash >>> 13) >>> 0;
}
