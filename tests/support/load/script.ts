/**
 * The messages of adapters under load, and the scripted model's answers. Each message carries its
 * number and kind, so its answer is known in advance. Load adapters, the model and the checker
 * share it.
 */

import { type ChatRequest, lastText, textOf } from "../llm/chat_request.ts";
import type { Reply } from "../llm/reply.ts";

/** How a message ends: with an answer, an answer after a tool call, or a cancel. */
export const loadKinds = ["plain", "tool", "cancel"] as const;
export type LoadKind = typeof loadKinds[number];

/** A message of a load adapter. */
export interface LoadRequest {
  readonly requestId: string;
  readonly channelId: string;
  readonly kind: LoadKind;
  /** Chunks of the answer. */
  readonly chunks: number;
}

/** The tool the model calls, provided by a plugin. */
export const noteTool = "note";

/** The text of a message. */
export function loadText({ requestId, kind, chunks }: LoadRequest): string {
  return `#${requestId} ${kind} ${chunks}#`;
}

/** The model's answer. */
export function loadReply(request: ChatRequest): Reply {
  const [, id = "", kind = "", chunks = "1"] = /#(\S+) (\w+) (\d+)#/.exec(lastText(request)) ?? [];
  const last = request.messages.at(-1)!;
  if (kind === "tool" && last.role !== "tool") {
    return { text: "Looking.", toolCalls: [{ name: noteTool, arguments: { id } }] };
  }
  if (kind === "tool") return { text: ["The tool ", `said: ${textOf(last)}`] };
  return { text: words(id, Number(chunks)), chunkDelayMs: kind === "cancel" ? 10 : 2 };
}

/** Whether a text is the complete answer to a message, without repetition. */
export function isAnswer(text: string, { requestId, kind, chunks }: LoadRequest): boolean {
  if (kind !== "tool") return text === words(requestId, chunks).join("");
  return text === `Looking.\n\nThe tool said: noted ${requestId}` ||
    text.startsWith("Looking.\n\nThe tool said: This call was interrupted");
}

/** Source of a plugin with the tool; each run writes two lines to a file, at its begin and end. */
export function notePlugin(journal: string): string {
  return `export default (gateway) => gateway.tool({
  name: ${JSON.stringify(noteTool)},
  description: "Notes an id",
  parameters: { type: "object", properties: { id: { type: "string" } }, required: ["id"] },
  run: async ({ id }) => {
    const write = (word) =>
      Deno.writeTextFileSync(${JSON.stringify(journal)}, id + " " + word + "\\n", { append: true });
    write("begin");
    await new Promise((resolve) => setTimeout(resolve, 10));
    write("end");
    return "noted " + id;
  },
});
`;
}

function words(id: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${id}:${index} `);
}
