/**
 * What the model is shown for a message: who it is, where it is, what was said before, what is being
 * replied to, and the message with its attachments. Called by the processor.
 */

import type { ContentPart, LlmMessage } from "../llm/llm_client.ts";
import { estimateTokens } from "../llm/token_estimate.ts";
import type { UserMessage } from "../protocol/message.ts";
import type { Conversation, HistoryEntry, HistoryStore } from "../store/history_store.ts";
import { imageUrl, renderAttachments } from "./attachment_text.ts";
import { memorySection } from "./memory_section.ts";

/** How many lines of history are looked at, whatever the budget: the cost of a turn stays flat. */
const historyLines = 400;
/** More bytes than a token is estimated to have, whatever the script. */
const bytesPerToken = 5;
/** How many names the context lists. */
const maxParticipants = 30;

/** What a {@linkcode ContextBuilder} is given. */
export interface ContextBuilderOptions {
  readonly history: Pick<HistoryStore, "recent">;
  /** Who the assistant is: the system prompt's beginning. */
  readonly persona: string;
  /** What there is to know about the tools at hand, a paragraph each. */
  readonly toolNotes?: () => readonly string[];
  /** Tokens that history may take up (estimated). */
  readonly historyTokens: number;
  /** Tokens that memories may take up (estimated). Default: 1000. */
  readonly memoryTokens?: number;
  readonly now?: () => number;
}

/** A message with its surroundings. */
export interface ContextRequest {
  readonly platform: string;
  readonly message: UserMessage;
  readonly conversation: Conversation;
  /** What is remembered of the user, a line each, the most helpful first. */
  readonly memories?: readonly string[];
}

/** What the model is shown, and what of it history keeps. */
export interface BuiltContext {
  readonly messages: readonly LlmMessage[];
  /** The user's message as text, attachments inlined or named. */
  readonly userText: string;
}

export class ContextBuilder {
  readonly #options: ContextBuilderOptions;
  readonly #now: () => number;

  constructor(options: ContextBuilderOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  async build(request: ContextRequest): Promise<BuiltContext> {
    const { conversation, message } = request;
    const { historyTokens } = this.#options;
    const lineTokens = Math.ceil(historyTokens / 4);
    const entries = await this.#options.history.recent({
      conversation,
      limit: historyLines,
      maxBytes: historyTokens * bytesPerToken,
      lineBytes: lineTokens * bytesPerToken,
    });
    const kept = newest(entries.map((entry) => shortened(entry, lineTokens)), historyTokens);
    const named = isGroup(message, entries);
    const userText = renderAttachments(message);
    return {
      userText,
      messages: [
        { role: "system", content: this.#system(request, entries) },
        ...kept.map((entry) => historyMessage(entry, named)),
        ...replyChain(message, kept, named),
        userMessage(message, userText, named),
      ],
    };
  }

  #system(request: ContextRequest, entries: readonly HistoryEntry[]): string {
    const { message: { user, channel }, platform } = request;
    const place = [
      channel.name ? `${oneLine(channel.name)} (${oneLine(channel.id)})` : oneLine(channel.id),
      channel.type &&
      { dm: "a direct message", server: "in a server", group: "a group" }[channel.type],
    ].filter(Boolean).join(", ");
    const lines = [
      `Time: ${new Date(this.#now()).toISOString().slice(0, 16)}Z`,
      `Platform: ${oneLine(platform)}`,
      `Channel: ${place}`,
      channel.threadId && `Thread: ${oneLine(channel.threadId)}`,
      (channel.serverName || channel.serverId) &&
      `Server: ${oneLine(channel.serverName ?? channel.serverId!)}`,
      `User: ${user.name ? `${oneLine(user.name)} (${oneLine(user.id)})` : oneLine(user.id)}`,
      `Participants: ${participants(request.message, entries).join(", ")}`,
    ];
    const sections = [`# Context\n${lines.filter(Boolean).join("\n")}`];
    const { memoryTokens = 1000 } = this.#options;
    const remembered = memorySection(request.memories ?? [], memoryTokens);
    if (remembered) sections.push(remembered);
    const notes = this.#options.toolNotes?.() ?? [];
    if (notes.length > 0) sections.push(`# Tools\n${notes.join("\n\n")}`);
    return [this.#options.persona.trim(), ...sections].join("\n\n");
  }
}

/** The newest lines that fit into the budget, beginning with a user's. */
function newest(entries: readonly HistoryEntry[], budget: number): readonly HistoryEntry[] {
  let left = budget;
  let first = entries.length;
  while (first > 0) {
    left -= estimateTokens(entries[first - 1]!.content) + 4;
    if (left < 0) break;
    first--;
  }
  while (first < entries.length && entries[first]!.role !== "user") first++;
  return entries.slice(first);
}

/** A line that would take up more than its share keeps its beginning: it must not hide all others. */
function shortened(entry: HistoryEntry, maxTokens: number): HistoryEntry {
  if (estimateTokens(entry.content) <= maxTokens) return entry;
  // At least so many characters go into the tokens, in the widest script.
  const content = entry.content.slice(0, Math.floor(maxTokens * 1.5));
  return { ...entry, content: `${content}\n[the rest of this message is not shown]` };
}

/** Whether several people speak, so that the model must be told who does. */
function isGroup(message: UserMessage, entries: readonly HistoryEntry[]): boolean {
  const { type } = message.channel;
  if (type === "dm") return false;
  if (type !== undefined) return true;
  return entries.some(({ role, userId }) => role === "user" && userId !== message.user.id);
}

function participants(message: UserMessage, entries: readonly HistoryEntry[]): readonly string[] {
  const names = new Map([[message.user.id, message.user.name]]);
  for (const { role, userId, userName } of entries.toReversed()) {
    if (role === "user" && !names.has(userId)) names.set(userId, userName);
  }
  for (const { role, userId, userName } of message.replyChain) {
    if (role === "user" && userId && !names.has(userId)) names.set(userId, userName);
  }
  return [...names].slice(0, maxParticipants).map(([id, name]) => oneLine(name ?? id));
}

function historyMessage(entry: HistoryEntry, named: boolean): LlmMessage {
  const content = entry.partial ? `${entry.content} [cut off]` : entry.content;
  if (entry.role === "assistant") return { role: "assistant", content };
  return { role: "user", content, speaker: speaker(entry.userName ?? entry.userId, named) };
}

/** The messages that this one replies to, less those that history shows anyway. */
function replyChain(
  message: UserMessage,
  shown: readonly HistoryEntry[],
  named: boolean,
): readonly LlmMessage[] {
  const known = new Set(shown.map(({ role, content }) => `${role}\n${content}`));
  return message.replyChain
    .filter(({ role, content }) => content !== "" && !known.has(`${role}\n${content}`))
    .map(({ role, content, userId, userName }) =>
      role === "user"
        ? { role, content, speaker: speaker(userName ?? userId ?? "someone", named) }
        : { role: "assistant" as const, content }
    );
}

/** A user's message as the model is told it. */
export function userMessage(message: UserMessage, userText: string, named: boolean): LlmMessage {
  const common = {
    role: "user",
    speaker: speaker(message.user.name ?? message.user.id, named),
  } as const;
  const images = message.attachments.map(imageUrl).filter((url) => url !== undefined);
  if (images.length === 0) return { ...common, content: userText };
  const parts: ContentPart[] = [
    { type: "text", text: userText },
    ...images.map((url) => ({ type: "image" as const, url })),
  ];
  return { ...common, content: parts };
}

function speaker(name: string, named: boolean): string | undefined {
  return named ? oneLine(name) : undefined;
}

/** A name or title as one short line: it is data of some user, and must not look like a heading. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, 100);
}
