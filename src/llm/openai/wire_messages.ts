/**
 * The messages of a request in an order that the strictest provider accepts: one system message first, then
 * user and assistant in turns, every tool call followed by its result and every result preceded by its call,
 * no user message directly after a result, nothing empty, ids unique and plain. Whatever failed turns, reply
 * chains, steering, trimming and fallbacks did to the history is repaired here.
 */

import type { ContentPart, LlmMessage } from "../client.ts";
import type { MessageOrigin, ToolCall } from "../../domain/tool_call.ts";

type UserContent = string | readonly ContentPart[];

/** A message in the order in which it is sent, before conversion to the API's format. */
export type WireMessage =
  | { role: "system"; content: string }
  | { role: "user"; content: UserContent }
  | {
    role: "assistant";
    content: string;
    calls: readonly ToolCall[];
    origin?: MessageOrigin;
  }
  | { role: "tool"; callId: string; content: string };

/** Placeholder between two messages that must not be adjacent. */
export const fillers = {
  noResult: "[This call has no result: it was interrupted.]",
  emptyResult: "[no output]",
  emptyText: "[no text]",
  omitted: "[Earlier messages were left out.]",
  noted: "[Noted.]",
  goOn: "[Please go on.]",
} as const;

/** Repairs the order of messages. Does not change its input. */
export function orderMessages(messages: readonly LlmMessage[]): readonly WireMessage[] {
  const ordered: WireMessage[] = [];
  const system = messages.filter(({ role }) => role === "system")
    .map(({ content }) => content as string).filter((text) => text.trim() !== "");
  if (system.length > 0) ordered.push({ role: "system", content: system.join("\n\n") });
  const rest = messages.filter(({ role }) => role !== "system");
  const ids = new CallIds();
  for (let index = 0; index < rest.length;) {
    const message = rest[index]!;
    index++;
    if (message.role === "user") {
      addUser(ordered, textOf(message));
    } else if (message.role === "assistant") {
      const results = new Map<string, string[]>();
      for (; rest[index]?.role === "tool"; index++) {
        const { callId, content } = rest[index] as Extract<LlmMessage, { role: "tool" }>;
        results.set(callId, [...results.get(callId) ?? [], content]);
      }
      addAssistant(ordered, message, { results, ids });
    }
    // Providers refuse a result without its call.
  }
  const first = ordered.findIndex(({ role }) => role !== "system");
  if (first >= 0 && ordered[first]!.role !== "user") {
    ordered.splice(first, 0, { role: "user", content: fillers.omitted });
  }
  const last = ordered.at(-1)?.role;
  if (last === undefined || last === "assistant" || last === "system") {
    ordered.push({ role: "user", content: fillers.goOn });
  }
  return ordered;
}

function addUser(ordered: WireMessage[], content: UserContent): void {
  const last = ordered.at(-1);
  if (last?.role === "tool") ordered.push({ role: "assistant", content: fillers.noted, calls: [] });
  if (last?.role === "user") last.content = joinContent(last.content, content);
  else ordered.push({ role: "user", content });
}

function addAssistant(
  ordered: WireMessage[],
  message: Extract<LlmMessage, { role: "assistant" }>,
  { results, ids }: { readonly results: ReadonlyMap<string, string[]>; readonly ids: CallIds },
): void {
  const { content, toolCalls = [], origin } = message;
  if (content.trim() === "" && toolCalls.length === 0) return;
  const renamed = toolCalls.map((call) => ({ ...call, id: ids.unique(call.id) }));
  const last = ordered.at(-1);
  if (last?.role === "assistant") {
    last.content = [last.content, content].filter((text) => text !== "").join("\n\n");
    last.calls = renamed;
    last.origin = origin;
  } else ordered.push({ role: "assistant", content, calls: renamed, origin });
  for (const [position, call] of toolCalls.entries()) {
    // Two calls with one id have their results in the order of the calls.
    const result = results.get(call.id)?.shift() ?? fillers.noResult;
    const text = result.trim() === "" ? fillers.emptyResult : result;
    ordered.push({ role: "tool", callId: renamed[position]!.id, content: text });
  }
}

function textOf({ content, speaker }: Extract<LlmMessage, { role: "user" }>): UserContent {
  const prefix = speaker === undefined ? "" : `${speaker}: `;
  if (typeof content === "string") return prefix + content || fillers.emptyText;
  if (content.length === 0) return prefix || fillers.emptyText;
  const [first, ...others] = content;
  const spoken = first!.type === "text"
    ? [{ ...first!, text: prefix + first!.text }, ...others]
    : prefix === ""
    ? content
    : [{ type: "text" as const, text: prefix.trimEnd() }, ...content];
  // Empty text beside an image is refused by some providers.
  const parts = spoken.filter((part) => part.type !== "text" || part.text !== "");
  return parts.length > 0 ? parts : fillers.emptyText;
}

function joinContent(one: UserContent, other: UserContent): UserContent {
  if (typeof one === "string" && typeof other === "string") return `${one}\n\n${other}`;
  return [...partsOf(one), ...partsOf(other)];
}

function partsOf(content: UserContent): readonly ContentPart[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : content;
}

/** Ids of tool calls within one request. */
class CallIds {
  readonly #used = new Set<string>();
  #next = 0;

  /** The id itself if it is plain, short and unused; another one otherwise, the same in every request. */
  unique(id: string): string {
    let candidate = /^[A-Za-z0-9_-]{1,40}$/.test(id) ? id : this.#made();
    while (this.#used.has(candidate)) candidate = this.#made();
    this.#used.add(candidate);
    return candidate;
  }

  #made(): string {
    return `call${String(++this.#next).padStart(5, "0")}`;
  }
}

/**
 * The same ids in nine letters and digits, the only form that Mistral's API accepts. Applied to all ids of a
 * request at once.
 */
export function shortenIds(messages: readonly WireMessage[]): readonly WireMessage[] {
  const short = new Map<string, string>();
  const shorten = (id: string) => {
    let made = short.get(id);
    if (!made) {
      made = /^[A-Za-z0-9]{9}$/.test(id) ? id : `c${String(short.size).padStart(8, "0")}`;
      short.set(id, made);
    }
    return made;
  };
  return messages.map((message) => {
    if (message.role === "tool") return { ...message, callId: shorten(message.callId) };
    if (message.role !== "assistant" || message.calls.length === 0) return message;
    return { ...message, calls: message.calls.map((call) => ({ ...call, id: shorten(call.id) })) };
  });
}

/**
 * For a model without tools: calls and results become text.
 *
 * @param applies to which messages with calls. Default: all.
 */
export function withoutTools(
  messages: readonly WireMessage[],
  applies: (message: Extract<WireMessage, { role: "assistant" }>) => boolean = () => true,
): readonly WireMessage[] {
  const plain: WireMessage[] = [];
  const names = new Map<string, string>();
  for (const message of messages) {
    if (message.role === "tool") {
      const name = names.get(message.callId);
      if (name === undefined) plain.push({ ...message });
      else addUser(plain, `[Result of ${name}: ${message.content}]`);
    } else if (message.role === "assistant" && (message.calls.length === 0 || !applies(message))) {
      plain.push({ ...message });
    } else if (message.role === "assistant") {
      for (const { id, name } of message.calls) names.set(id, name);
      const calls = message.calls.map(({ name, arguments: json }) => `[Called ${name} ${json}]`);
      const content = [message.content, ...calls].filter((text) => text !== "").join("\n");
      plain.push({ role: "assistant", content, calls: [] });
    } else if (message.role === "user") addUser(plain, message.content);
    else plain.push({ ...message });
  }
  return plain;
}

/** For a model without system messages: puts the text at the start of the first user message. */
export function withoutSystem(messages: readonly WireMessage[]): readonly WireMessage[] {
  const [system, ...rest] = messages;
  if (system?.role !== "system") return messages;
  const [first, ...others] = rest;
  return first?.role === "user"
    ? [{ role: "user", content: joinContent(system.content, first.content) }, ...others]
    : [{ role: "user", content: system.content }, ...rest];
}

/** For a model that sees no images, or a request one of whose images was refused. */
export function withoutImages(
  messages: readonly WireMessage[],
  note: string,
): readonly WireMessage[] {
  return messages.map((message) => {
    if (message.role !== "user" || typeof message.content === "string") return message;
    const texts = message.content.map((part) => part.type === "text" ? part.text : note);
    return { role: "user", content: texts.join("\n\n") };
  });
}
