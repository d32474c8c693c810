/** Puts tool calls together from the pieces of a stream, whatever a server does to indexes and ids. */

import type { ToolCall } from "../../domain/tool_call.ts";
import type { ToolCallPiece } from "./chunk.ts";

/** Limits of the calls of one answer. */
export interface ToolCallLimits {
  /** Characters of all arguments. */
  readonly maxChars: number;
  readonly maxCalls: number;
}

interface Assembly {
  index?: number;
  id?: string;
  name?: string;
  arguments: string;
  fields: Record<string, unknown>;
}

export class ToolCallAssembler {
  readonly #limits: ToolCallLimits;
  readonly #calls: Assembly[] = [];
  #chars = 0;

  constructor(limits: ToolCallLimits) {
    this.#limits = limits;
  }

  /** How many calls have begun. */
  get size(): number {
    return this.#calls.length;
  }

  /** Takes a piece; false if it exceeds a limit. */
  add(piece: ToolCallPiece): boolean {
    const call = this.#callOf(piece);
    // A name arrives once, whole; a repeated one is not appended.
    call.id ??= piece.id;
    call.name ??= piece.name;
    call.arguments += piece.arguments;
    Object.assign(call.fields, piece.fields);
    this.#chars += piece.arguments.length;
    return this.#chars <= this.#limits.maxChars && this.#calls.length <= this.#limits.maxCalls;
  }

  /** The calls in the order in which they began. A call without an id has the id "". */
  calls(): ToolCall[] {
    return this.#calls.filter(({ name }) => name !== undefined).map((call) => ({
      id: call.id ?? "",
      name: call.name!,
      arguments: readArguments(call.arguments),
      ...(Object.keys(call.fields).length > 0 && { fields: call.fields }),
    }));
  }

  #callOf(piece: ToolCallPiece): Assembly {
    const known = this.#candidate(piece);
    if (known && !beginsAnother(known, piece)) return known;
    const call: Assembly = { index: piece.index, arguments: "", fields: {} };
    this.#calls.push(call);
    return call;
  }

  /** The call that a piece most likely continues. */
  #candidate({ index, id }: ToolCallPiece): Assembly | undefined {
    if (index !== undefined) return this.#calls.findLast((call) => call.index === index);
    const byId = id === undefined ? undefined : this.#calls.findLast((call) => call.id === id);
    return byId ?? this.#calls.at(-1);
  }
}

/** Whether a piece begins another call although its index or place says that it continues one. */
function beginsAnother(call: Assembly, piece: ToolCallPiece): boolean {
  if (piece.name === undefined) {
    return piece.index === undefined && piece.id !== undefined && call.id !== undefined &&
      piece.id !== call.id;
  }
  if (piece.id !== undefined && call.id !== undefined && piece.id !== call.id) return true;
  if (call.name !== undefined && piece.name !== call.name) return true;
  // A name after complete arguments; servers that repeat it in every piece never get that far.
  return call.name !== undefined && piece.arguments !== "" && isObjectText(call.arguments);
}

/** Longer arguments are never taken for complete: parsing them again and again would be quadratic. */
const maxCheckedChars = 64 * 1024;

function isObjectText(text: string): boolean {
  return text.length <= maxCheckedChars && text.trimEnd().endsWith("}") &&
    parseObject(text) !== undefined;
}

/** JSON of an object; `undefined` for anything else. */
function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? value as Record<string, unknown>
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Arguments as the model meant them: none at all, `null` and `""` are an empty object; an object inside a
 * string is that object; an empty object in front of the real one is dropped. Anything else stays as it is,
 * for the model to be told what is wrong with it.
 */
export function readArguments(text: string): string {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed === "null" || trimmed === '""') return "{}";
  if (trimmed.startsWith('"')) {
    try {
      const inner: unknown = JSON.parse(trimmed);
      if (typeof inner === "string" && inner.trim() === "") return "{}";
      if (typeof inner === "string" && parseObject(inner)) return inner;
    } catch {
      return text;
    }
  }
  if (trimmed.startsWith("{}") && trimmed.length > 2 && parseObject(trimmed.slice(2))) {
    return trimmed.slice(2).trim();
  }
  return text;
}
