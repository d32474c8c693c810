/**
 * A line of history as the model is shown it. The store gives the same object for the same line while
 * it has it at hand, so what is made of a line is made once, not once a turn, and stays with it. Used by
 * the context builder, the only reader of recent lines.
 */

import type { ContextPart } from "./part.ts";
import type { LlmMessage } from "../llm/client.ts";
import { estimateMessage, estimateTokens } from "../llm/tokens.ts";
import type { HistoryEntry } from "../store/history_store.ts";

/** Gives who speaks as a name for the model. */
type NameSpeaker = (name: string) => string;

export class ShownLine {
  readonly line: HistoryEntry;
  /** Of its text (estimated). */
  readonly tokens: number;
  #named?: ContextPart;
  #unnamed?: ContextPart;

  /** The same for the same line. */
  static of(line: HistoryEntry): ShownLine {
    return line.memo as ShownLine | undefined ?? (line.memo = new ShownLine(line)) as ShownLine;
  }

  private constructor(line: HistoryEntry) {
    this.line = line;
    this.tokens = estimateTokens(line.content);
  }

  /** As a part of a request; with `speaker` the model is told who speaks. */
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
