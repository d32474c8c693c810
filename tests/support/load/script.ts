/**
 * What adapters under load say, and what the scripted model answers: each message carries its own
 * number and kind, so that the answer to it is known before it comes. Load adapters, the kill loop's
 * model and the checker agree on it.
 */

import { type ChatRequest, lastText, textOf } from "../llm/chat_request.ts";
import type { Reply } from "../llm/reply.ts";

/** What becomes of a message: an answer, an answer after a tool, or a cancel of its sender. */
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

/** The tool that the model calls; a plugin of the test offers it. */
export const noteTool = "note";

/** The words of a message. */
export function loadText({ requestId, kind, chunks }: LoadRequest): string {
  return `#${requestId} ${kind} ${chunks}#`;
}

/** How the model answers. */
export function loadReply(request: ChatRequest): Reply {
  const [, id = "", kind = "", chunks = "1"] = /#(\S+) (\w+) (\d+)#/.exec(lastText(request)) ?? [];
  const last = request.messages.at(-1)!;
  if (kind === "tool" && last.role !== "tool") {
    return { text: "Looking.", toolCalls: [{ name: noteTool, arguments: { id } }] };
  }
  if (kind === "tool") return { text: ["The tool ", `said: ${textOf(last)}`] };
  return { text: words(id, Number(chunks)), chunkDelayMs: kind === "cancel" ? 10 : 2 };
}

/** Whether a text is the answer to a message: nothing is missing from it, nothing is there twice. */
export function isAnswer(text: string, { requestId, kind, chunks }: LoadRequest): boolean {
  if (kind !== "tool") return text === words(requestId, chunks).join("");
  return text === `Looking.\n\nThe tool said: noted ${requestId}` ||
    text.startsWith("Looking.\n\nThe tool said: This call was interrupted");
}

/** The source of a plugin with the tool: each run leaves two lines in a file, its begin and its end. */
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
