/** Puts tool calls together from the pieces that a stream brings. Used by the orchestrator. */

import type { LlmEvent } from "../llm/llm_client.ts";
import type { ToolCall } from "../store/request_store.ts";

type Piece = Extract<LlmEvent, { type: "tool_call" }>;

interface Assembly {
  id: string;
  name: string;
  arguments: string;
}

/** Collects the calls of one answer. */
export class ToolCallAssembler {
  /** By the stream's index, in order of first appearance. */
  readonly #calls = new Map<number, Assembly>();
  readonly #newId: () => string;

  /** @param newId makes an id for a call that the server sent without one. */
  constructor(newId: () => string) {
    this.#newId = newId;
  }

  add(piece: Piece): void {
    let call = this.#calls.get(piece.index);
    // Some servers give every call index 0 and tell them apart by their id alone.
    if (call && piece.id && piece.id !== call.id && piece.name) {
      call = undefined;
      this.#calls.set(this.#calls.size + 1_000 + piece.index, this.#calls.get(piece.index)!);
      this.#calls.delete(piece.index);
    }
    if (!call) {
      call = { id: piece.id ?? this.#newId(), name: "", arguments: "" };
      this.#calls.set(piece.index, call);
    }
    // Servers send a name once, whole; a repeated one is no longer name.
    if (piece.name && !call.name) call.name = piece.name;
    if (piece.arguments) call.arguments += piece.arguments;
  }

  /** The calls, in the order in which they began. */
  calls(): ToolCall[] {
    return [...this.#calls.values()].map(({ id, name, arguments: json }) => ({
      id,
      name,
      arguments: json || "{}",
    }));
  }
}
