/**
 * The lines that turns were last shown, by conversation: a turn is shown mostly what the last one was.
 * Whoever writes history or ends a session on this store says so here; then what is here is what the
 * disk would give. Used by the SQLite store.
 */

import { Buffer } from "node:buffer";
import type { Conversation } from "../../domain/keys.ts";
import type { HistoryEntry } from "../history_store.ts";

/** Which lines are wanted; see {@linkcode HistoryStore.recent}. */
export interface RecentLines {
  readonly after: number;
  readonly limit: number;
  readonly maxBytes: number;
  readonly lineBytes: number;
}

interface Kept {
  wanted: RecentLines;
  lines: HistoryEntry[];
  /** Of each line, UTF-8. */
  sizes: number[];
  bytes: number;
}

/** What a line takes beside its text, about, characters. */
const lineChars = 200;

export class HistoryCache {
  readonly #maxChars: number;
  /** The one that was used last comes last. */
  readonly #conversations = new Map<string, Kept>();
  #chars = 0;

  /** `maxChars` bounds the texts that are kept, over all conversations. */
  constructor({ maxChars }: { readonly maxChars: number }) {
    this.#maxChars = maxChars;
  }

  get(conversation: Conversation, wanted: RecentLines): readonly HistoryEntry[] | undefined {
    const key = keyOf(conversation);
    const kept = this.#conversations.get(key);
    if (!kept || !covers(kept.wanted, wanted)) return undefined;
    this.#conversations.delete(key);
    this.#conversations.set(key, kept);
    kept.wanted = wanted;
    this.#shrink(kept);
    // A copy: what is here grows while a turn works with what it got.
    return kept.lines.slice();
  }

  set(conversation: Conversation, wanted: RecentLines, lines: readonly HistoryEntry[]): void {
    this.drop(conversation);
    const sizes = lines.map(({ content }) => bytesOf(content));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    this.#conversations.set(keyOf(conversation), { wanted, lines: [...lines], sizes, bytes });
    this.#chars += lines.reduce((sum, line) => sum + charsOf(line), 0);
    this.#makeRoom();
  }

  /** Lines of a running session were added to a conversation. */
  append(conversation: Conversation, lines: readonly HistoryEntry[]): void {
    const kept = this.#conversations.get(keyOf(conversation));
    if (!kept) return;
    const newest = kept.lines.at(-1)?.id ?? 0;
    for (const line of lines) {
      // Somebody has read it from the disk before this was said.
      if (line.id <= newest) continue;
      const size = bytesOf(line.content);
      // It would be cut off; the store knows how.
      if (size > kept.wanted.lineBytes) return this.drop(conversation);
      kept.lines.push(line);
      kept.sizes.push(size);
      kept.bytes += size;
      this.#chars += charsOf(line);
    }
    this.#shrink(kept);
    this.#makeRoom();
  }

  /** Other lines of a conversation count now: a session has begun or ended. */
  drop(conversation: Conversation): void {
    const key = keyOf(conversation);
    const kept = this.#conversations.get(key);
    if (!kept) return;
    this.#conversations.delete(key);
    for (const line of kept.lines) this.#chars -= charsOf(line);
  }

  clear(): void {
    this.#conversations.clear();
    this.#chars = 0;
  }

  /** Drops the oldest lines that are not wanted (any more). */
  #shrink(kept: Kept): void {
    const { lines, sizes, wanted } = kept;
    let gone = 0;
    while (
      gone < lines.length && (lines[gone]!.id <= wanted.after ||
        lines.length - gone > wanted.limit || kept.bytes > wanted.maxBytes)
    ) {
      kept.bytes -= sizes[gone]!;
      this.#chars -= charsOf(lines[gone]!);
      gone++;
    }
    if (gone === 0) return;
    kept.lines = lines.slice(gone);
    kept.sizes = sizes.slice(gone);
  }

  #makeRoom(): void {
    for (const [key, { lines }] of this.#conversations) {
      if (this.#chars <= this.#maxChars) return;
      this.#conversations.delete(key);
      for (const line of lines) this.#chars -= charsOf(line);
    }
  }
}

/** Whether what was read for one wish serves another one: only its beginning may have moved on. */
function covers(read: RecentLines, wanted: RecentLines): boolean {
  return read.after <= wanted.after && read.limit === wanted.limit &&
    read.maxBytes === wanted.maxBytes && read.lineBytes === wanted.lineBytes;
}

function keyOf({ channelKey, threadId }: Conversation): string {
  return `${channelKey}\n${threadId}`;
}

function charsOf({ content }: HistoryEntry): number {
  return content.length + lineChars;
}

/** The UTF-8 bytes of a well-formed text. */
function bytesOf(text: string): number {
  return Buffer.byteLength(text);
}
