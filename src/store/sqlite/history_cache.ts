/**
 * Caches recent history by conversation, because consecutive turns read mostly the same lines. All code that
 * writes history or changes sessions must update the cache to keep it consistent with the database.
 */

import { Buffer } from "node:buffer";
import type { Conversation } from "../../domain/keys.ts";
import type { HistoryEntry } from "../history_store.ts";

/** Options of {@linkcode HistoryStore.recent}. */
export interface RecentOptions {
  readonly after: number;
  readonly limit: number;
  readonly maxBytes: number;
  readonly lineBytes: number;
}

interface Entry {
  options: RecentOptions;
  lines: HistoryEntry[];
  /** Size of each line in UTF-8. */
  sizes: number[];
  bytes: number;
}

/** Approximate overhead of a line, in characters. */
const lineChars = 200;

/** An LRU cache. */
export class HistoryCache {
  readonly #maxChars: number;
  /** Least recently used first. */
  readonly #conversations = new Map<string, Entry>();
  #chars = 0;

  /** @param options `maxChars` limits the total text of all conversations. */
  constructor({ maxChars }: { readonly maxChars: number }) {
    this.#maxChars = maxChars;
  }

  /** Returns the cached lines, or `undefined` if they must be read. */
  get(conversation: Conversation, options: RecentOptions): readonly HistoryEntry[] | undefined {
    const key = keyOf(conversation);
    const entry = this.#conversations.get(key);
    if (!entry || !covers(entry.options, options)) return undefined;
    this.#conversations.delete(key);
    this.#conversations.set(key, entry);
    entry.options = options;
    this.#shrink(entry);
    // A copy, because `append` extends the cached array.
    return entry.lines.slice();
  }

  /** Caches the lines that were read. */
  set(conversation: Conversation, options: RecentOptions, lines: readonly HistoryEntry[]): void {
    this.drop(conversation);
    const sizes = lines.map(({ content }) => bytesOf(content));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    this.#conversations.set(keyOf(conversation), { options, lines: [...lines], sizes, bytes });
    this.#chars += lines.reduce((sum, line) => sum + charsOf(line), 0);
    this.#evict();
  }

  /** Adds lines written for a running session. */
  append(conversation: Conversation, lines: readonly HistoryEntry[]): void {
    const entry = this.#conversations.get(keyOf(conversation));
    if (!entry) return;
    const newest = entry.lines.at(-1)?.id ?? 0;
    for (const line of lines) {
      // Already cached.
      if (line.id <= newest) continue;
      const size = bytesOf(line.content);
      // Too long: the next read truncates it.
      if (size > entry.options.lineBytes) return this.drop(conversation);
      entry.lines.push(line);
      entry.sizes.push(size);
      entry.bytes += size;
      this.#chars += charsOf(line);
    }
    this.#shrink(entry);
    this.#evict();
  }

  /** Discards a conversation whose sessions have changed. */
  drop(conversation: Conversation): void {
    const key = keyOf(conversation);
    const entry = this.#conversations.get(key);
    if (!entry) return;
    this.#conversations.delete(key);
    for (const line of entry.lines) this.#chars -= charsOf(line);
  }

  /** Discards everything. */
  clear(): void {
    this.#conversations.clear();
    this.#chars = 0;
  }

  /** Removes the oldest lines that the options no longer include. */
  #shrink(entry: Entry): void {
    const { lines, sizes, options } = entry;
    let removed = 0;
    while (
      removed < lines.length && (lines[removed]!.id <= options.after ||
        lines.length - removed > options.limit || entry.bytes > options.maxBytes)
    ) {
      entry.bytes -= sizes[removed]!;
      this.#chars -= charsOf(lines[removed]!);
      removed++;
    }
    if (removed === 0) return;
    entry.lines = lines.slice(removed);
    entry.sizes = sizes.slice(removed);
  }

  #evict(): void {
    for (const [key, { lines }] of this.#conversations) {
      if (this.#chars <= this.#maxChars) return;
      this.#conversations.delete(key);
      for (const line of lines) this.#chars -= charsOf(line);
    }
  }
}

/** Whether lines read with `cached` include those of `options`: all must be equal, except a higher `after`. */
function covers(cached: RecentOptions, options: RecentOptions): boolean {
  return cached.after <= options.after && cached.limit === options.limit &&
    cached.maxBytes === options.maxBytes && cached.lineBytes === options.lineBytes;
}

function keyOf({ channelKey, threadId }: Conversation): string {
  return `${channelKey}\n${threadId}`;
}

function charsOf({ content }: HistoryEntry): number {
  return content.length + lineChars;
}

/** Size in UTF-8 of a well-formed text. */
function bytesOf(text: string): number {
  return Buffer.byteLength(text);
}
