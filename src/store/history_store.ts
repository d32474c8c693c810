/** Reads history: the lines of past turns. `RequestStore.finish` writes it. */

import type { Conversation } from "../domain/keys.ts";

/** A history line to add. */
export interface NewHistoryEntry {
  readonly role: "user" | "assistant";
  readonly content: string;
  readonly userId: string;
  readonly userName?: string;
  /** Whether an error or cancellation cut the text off. */
  readonly partial: boolean;
  readonly at: number;
}

/** A history line. Ids rise in the order of addition. */
export interface HistoryEntry extends NewHistoryEntry {
  readonly id: number;
  readonly sessionId: string;
  /** For the reader to cache what it derives from the line. Lives as long as the object. */
  memo?: object;
}

/**
 * Reads history. Sizes are UTF-8 bytes; cutting a line may leave a replacement character at its end. A
 * store may replace unpaired surrogates, and NUL if its database does not support it.
 */
export interface HistoryStore {
  /**
   * Returns the newest lines of a conversation's running sessions, the oldest first: lines with an id above
   * `after` (default 0), at most `limit`, and no more than fit in `maxBytes` (default unlimited). A line
   * longer than `lineBytes` (default unlimited) is cut to that size and counts as such. May return fewer
   * than `limit` if most of the newest lines belong to ended sessions.
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

  /** Like `recent`, but returns the oldest lines above `after`. */
  oldest(
    options: {
      readonly conversation: Conversation;
      readonly after: number;
      readonly limit: number;
      readonly lineBytes: number;
    },
  ): Promise<readonly HistoryEntry[]>;

  /** Returns a session's lines above `after`, the oldest first, each cut to `lineBytes`. */
  forSession(
    options: {
      readonly sessionId: string;
      readonly after: number;
      readonly limit: number;
      readonly lineBytes?: number;
    },
  ): Promise<readonly HistoryEntry[]>;

  /**
   * Returns a channel's lines that contain all words of the query, the newest first. Searches threads and
   * ended sessions too, ignoring case. Words are runs of letters, digits and underscores; all other
   * characters only separate them. A query without words matches nothing. Long lines are cut.
   */
  search(
    options: { readonly channelKey: string; readonly query: string; readonly limit: number },
  ): Promise<readonly HistoryEntry[]>;

  /**
   * Returns a page of a channel's history, the newest first: lines with an id below `before`, of all
   * threads and of ended sessions too. Long lines are cut.
   */
  page(
    options: { readonly channelKey: string; readonly before?: number; readonly limit: number },
  ): Promise<readonly HistoryEntry[]>;
}
