/** What sets one provider apart from the others: its address, what it refuses, and how it streams. */

import type { ChatMessage, ChatRequest } from "../chat_request.ts";
import type { RequestPart } from "../../../../src/llm/openai/request_shape.ts";

/** A call of a tool in a scripted answer. */
export interface ModelCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** What the model says, in nobody's words yet. */
export interface ModelAnswer {
  readonly reasoning?: string;
  readonly text?: string;
  readonly calls?: readonly ModelCall[];
  readonly usage: { readonly input: number; readonly output: number };
}

/** A refusal in the provider's own shape. */
export interface Refusal {
  readonly status: number;
  readonly body: unknown;
}

/** How a provider streams. The defaults are what OpenAI does. */
export interface StreamStyle {
  /** Written before the first chunk, such as comments. */
  readonly preamble?: string;
  /** Written between chunks. */
  readonly keepAlive?: string;
  /** Ends a line. Default: `\n`. */
  readonly newline?: string;
  /** Whether `data:` is followed by a space. Default: true. */
  readonly space?: boolean;
  /** The first chunk: with the role, with no choices but a filter's results (Azure), or none. */
  readonly opening?: "role" | "filter" | "none";
  /** Fields of every chunk. */
  readonly chunkFields?: Readonly<Record<string, unknown>>;
  /** Fields of every delta. */
  readonly deltaFields?: Readonly<Record<string, unknown>>;
  /** The deltas of reasoning and text. Default: no reasoning, and text in three pieces. */
  readonly speech?: (answer: ModelAnswer, answerIndex: number) => readonly object[];
  /** The deltas of the calls. Default: an opening one and pieces of arguments, by index. */
  readonly calls?: (calls: readonly NamedCall[], answerIndex: number) => readonly object[];
  /** Where usage is: in a last chunk without choices if requested, in the chunk that ends, in Groq's or Moonshot's place. */
  readonly usage?: "requested" | "finish" | "x_groq" | "choice" | "every";
  /** The word for an answer with calls. Default: `tool_calls`. */
  readonly callsFinish?: string;
  /** Written after the chunk that ends. */
  readonly epilogue?: string;
  /** Whether `[DONE]` is written. Default: true. */
  readonly done?: boolean;
}

/** A call with its id. */
export interface NamedCall extends ModelCall {
  readonly id: string;
}

/** What must come back with a message with calls. */
export interface SentBack {
  /** Fields of the message beside role, content and calls. */
  readonly message?: Readonly<Record<string, unknown>>;
  /** The content, if it is not the text. */
  readonly content?: unknown;
  /** Fields of each call beside id, type and function. */
  readonly calls?: readonly Readonly<Record<string, unknown>>[];
}

/** One provider. */
export interface ProviderProfile {
  readonly name: string;
  /** The path of the base URL, and its query. */
  readonly path: string;
  readonly query?: string;
  /** Headers that a request must have, with their values. */
  readonly headers: Readonly<Record<string, string>>;
  /** Fields of the model in `models.yaml`. */
  readonly model?: Readonly<Record<string, unknown>>;
  /** Parameters of a request beside model, messages, stream and tools. */
  readonly parameters: readonly string[];
  /** Refuses a parameter that it does not know. */
  readonly unknownParameter: (name: string) => Refusal;
  /** Refuses a request that it does not like for another reason. */
  readonly refuses?: (body: ChatRequest) => Refusal | undefined;
  /** Refuses a message with calls whose fields are not those that it sent. Default: {@linkcode Refusal} of OpenAI's shape. */
  readonly missingFields?: (position: number) => Refusal;
  /** What must come back. Default: nothing, and nothing else may. */
  readonly sentBack?: (answer: ModelAnswer, answerIndex: number) => SentBack;
  /** The id of a call. Default: OpenAI's. */
  readonly callId?: (answerIndex: number, position: number) => string;
  readonly style: StreamStyle;
  /** What the gateway has to learn from refusals. */
  readonly learns?: readonly RequestPart[];
  /** Whether it sees images. Default: true. */
  readonly vision?: boolean;
  /** Whether the usage of answers is reported. Default: true. */
  readonly reportsUsage?: boolean;
}

/** A refusal as OpenAI words it. */
export function openAiRefusal(
  message: string,
  fields: Readonly<Record<string, unknown>> = {},
  status = 400,
): Refusal {
  const error = { message, type: "invalid_request_error", param: null, code: null, ...fields };
  return { status, body: { error } };
}

/** Whether a message has an image. */
export function hasImage({ content }: ChatMessage): boolean {
  return Array.isArray(content) && content.some(({ type }) => type === "image_url");
}

/** The header that most providers want. */
export const bearer = { authorization: "Bearer test-key" };

/** OpenAI's refusal of a parameter. */
export const unsupported = (name: string) =>
  openAiRefusal(`Unsupported parameter: '${name}' is not supported with this model.`, {
    param: name,
    code: "unsupported_parameter",
  });

/** The signature of a thought. */
export const signature = (answerIndex: number) => `EjQKMgEMOdbH${answerIndex}+/==`;
