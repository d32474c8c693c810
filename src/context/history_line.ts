/**
 * A line of history as the model is shown it. The store returns the same object for a line while it is cached, so
 * its message and tokens are computed once, not once a turn, and stay with it.
 */

import type { LlmMessage } from "../llm/client.ts";
import { estimateMessage, estimateTokens } from "../llm/tokens.ts";
import type { HistoryEntry } from "../store/history_store.ts";
import type { ContextPart } from "./part.ts";

/** Turns a speaker into a name for the model. */
type NameSpeaker = (name: string) => string;

export class ShownLine {
  readonly line: HistoryEntry;
  /** Estimated tokens of its text. */
  readonly tokens: number;
  #named?: ContextPart;
  #unnamed?: ContextPart;

  /** Returns the same object for the same line. */
  static of(line: HistoryEntry): ShownLine {
    return line.memo as ShownLine | undefined ?? (line.memo = new ShownLine(line)) as ShownLine;
  }

  private constructor(line: HistoryEntry) {
    this.line = line;
    this.tokens = estimateTokens(line.content);
  }

  /** The line as a part of a request; with `speaker` the model is told who speaks. */
  part(speaker?: NameSpeaker): ContextPart {
    return speaker
      ? this.#named ??= partOf(this.line, speaker)
      : this.#unnamed ??= partOf(this.line);
  }
}

function partOf(line: HistoryEntry, speaker?: NameSpeaker): ContextPart {
  const message = messageOf(line, speaker);
  return { kind: "history", message, tokens: estimateMessage(message) };
}

function messageOf(line: HistoryEntry, speaker?: NameSpeaker): LlmMessage {
  const content = line.partial ? `${line.content} [cut off]` : line.content;
  if (line.role === "assistant") return { role: "assistant", content };
  return { role: "user", content, speaker: speaker?.(line.userName ?? line.userId) };
}
