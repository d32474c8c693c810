/**
 * The part of the store that reads history: what was said in a conversation. It is written when a
 * request is finished, in the same transaction. Used by the context builder and by tools.
 */

import type { Conversation } from "../domain/keys.ts";

/** A line of history to be kept. */
export interface NewHistoryEntry {
  readonly role: "user" | "assistant";
  readonly content: string;
  readonly userId: string;
  readonly userName?: string;
  /** Whether the text was cut off by an error or a cancel. */
  readonly partial: boolean;
  readonly at: number;
}

/** A line of history. */
export interface HistoryEntry extends NewHistoryEntry {
  readonly id: number;
  readonly sessionId: string;
  /** What the reader makes of the line, for as long as the store has it at hand. */
  memo?: object;
}

/** History, for reading. */
export interface HistoryStore {
  /**
   * The newest lines of a conversation's running sessions, the oldest first: those after the line with
   * id `after` (default: all), at most `limit`, and no more than fit into `maxBytes` of UTF-8 (default: all), where one counts for `lineBytes` at most
   * (default: all) and is cut off there.
   */
  recent(
    options: {
      readonly conversation: Conversation;
      readonly after?: number;
      readonly limit: number;
      readonly maxBytes?: number;
      readonly lineBytes?: number;
    },
  ): Promise<readonly HistoryEntry[]>;

  /** As `recent`, but the oldest lines after `after`. */
  oldest(
    options: {
      readonly conversation: Conversation;
      readonly after: number;
      readonly limit: number;
      readonly lineBytes: number;
    },
  ): Promise<readonly HistoryEntry[]>;

  /** The lines of a session after `after`, the oldest first; a line is cut off at `lineBytes`. */
  ofSession(
    options: {
      readonly sessionId: string;
      readonly after: number;
      readonly limit: number;
      readonly lineBytes?: number;
    },
  ): Promise<readonly HistoryEntry[]>;

  /** Lines of a channel's whole history (ended sessions too) that match all words, newest first. */
  search(
    options: { readonly channelKey: string; readonly query: string; readonly limit: number },
  ): Promise<readonly HistoryEntry[]>;

  /** A page of a channel's whole history: lines older than the one with id `before`, newest first. */
  page(
    options: { readonly channelKey: string; readonly before?: number; readonly limit: number },
  ): Promise<readonly HistoryEntry[]>;
}
