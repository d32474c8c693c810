/** Puts tool calls together from the pieces that a stream brings. Used by the orchestrator. */

import type { LlmEvent } from "../llm/client.ts";
import type { ToolCall } from "../domain/tool_call.ts";

type Piece = Extract<LlmEvent, { type: "tool_call" }>;

interface Assembly {
  id: string;
  name: string;
  arguments: string;
}

/** Collects the calls of one answer. */
export class ToolCallAssembler {
  /** In the order in which they began. */
  readonly #calls: Assembly[] = [];
  /** The call that the next piece of an index belongs to. */
  readonly #open = new Map<number, Assembly>();
  readonly #newId: () => string;

  /** @param newId makes an id for a call that the server sent without one. */
  constructor(newId: () => string) {
    this.#newId = newId;
  }

  add(piece: Piece): void {
    let call = this.#open.get(piece.index);
    // Some servers give every call index 0 and tell them apart by their id alone.
    const another = call && piece.id && piece.id !== call.id && piece.name;
    if (!call || another) {
      call = { id: piece.id ?? this.#newId(), name: "", arguments: "" };
      this.#open.set(piece.index, call);
      this.#calls.push(call);
    }
    // Servers send a name once, whole; a repeated one is no longer name.
    if (piece.name && !call.name) call.name = piece.name;
    if (piece.arguments) call.arguments += piece.arguments;
  }

  /** The calls, in the order in which they began. */
  calls(): ToolCall[] {
    return this.#calls.map(({ id, name, arguments: json }) => ({
      id,
      name,
      arguments: json || "{}",
    }));
  }
}
