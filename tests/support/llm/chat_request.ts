/** The parts of an OpenAI chat request that tests read. */

/** A part of a message other than plain text. */
export interface ChatPart {
  readonly type: string;
  readonly text?: string;
  readonly image_url?: { readonly url: string };
}

/** A tool call in an assistant message. */
export interface ChatToolCall {
  readonly id: string;
  readonly type: string;
  readonly function: { readonly name: string; readonly arguments: string };
}

/** One message of the conversation. */
export interface ChatMessage {
  readonly role: "system" | "developer" | "user" | "assistant" | "tool";
  readonly content?: string | readonly ChatPart[] | null;
  readonly tool_calls?: readonly ChatToolCall[];
  readonly tool_call_id?: string;
}

/** A tool offered to the model. */
export interface ChatTool {
  readonly type: string;
  readonly function: {
    readonly name: string;
    readonly description?: string;
    readonly parameters?: Readonly<Record<string, unknown>>;
  };
}

/** The body of `POST /v1/chat/completions`. */
export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly tools?: readonly ChatTool[];
  readonly [field: string]: unknown;
}

/** Returns the text parts of a message, joined. */
export function textOf(message: ChatMessage): string {
  const { content } = message;
  if (typeof content === "string") return content;
  return (content ?? []).map((part) => part.text ?? "").join("");
}

/** Returns the text of the last message of a role, or "". */
export function lastText(request: ChatRequest, role: ChatMessage["role"] = "user"): string {
  const message = request.messages.findLast((candidate) => candidate.role === role);
  return message ? textOf(message) : "";
}

/** What the user said last: messages in a row, as after a failed turn, are sent as paragraphs of one. */
export function lastParagraph(request: ChatRequest): string {
  return lastText(request).split("\n\n").at(-1)!;
}
