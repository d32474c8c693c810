/** A request in the words of OpenAI's chat completions. Pure; used by the provider's client. */

import type OpenAI from "openai";
import type { LlmMessage, LlmRequest, LlmTool } from "../client.ts";
import type { Model } from "../catalog.ts";

/** The body of a request that streams. */
export type ChatParams = OpenAI.ChatCompletionCreateParamsStreaming;

export function toChatParams(request: LlmRequest, model: Model): ChatParams {
  const limits = [request.maxTokens, model.maxOutput].filter((limit) => limit !== undefined);
  const maxTokens = limits.length > 0 ? Math.min(...limits) : undefined;
  return {
    model: model.id,
    messages: request.messages.map(toMessage),
    stream: true,
    stream_options: { include_usage: true },
    ...(request.tools.length > 0 && { tools: request.tools.map(toTool) }),
    ...(model.reasoning && { reasoning_effort: model.reasoning }),
    // Models that reason take the new name only; most other servers know the old one only.
    ...(maxTokens !== undefined &&
      (model.reasoning ? { max_completion_tokens: maxTokens } : { max_tokens: maxTokens })),
  };
}

/** Without half characters: a cut through an emoji leaves one, and providers refuse all for it. */
function toMessage(message: LlmMessage): OpenAI.ChatCompletionMessageParam {
  switch (message.role) {
    case "system":
      return { role: "system", content: message.content.toWellFormed() };
    case "user":
      return { role: "user", content: toContent(message) };
    case "assistant":
      return {
        role: "assistant",
        content: message.content.toWellFormed() || null,
        ...(message.toolCalls?.length && {
          tool_calls: message.toolCalls.map((call) => ({
            id: call.id.toWellFormed(),
            type: "function" as const,
            function: {
              name: call.name.toWellFormed() || "unnamed",
              arguments: readable(call.arguments).toWellFormed(),
            },
          })),
        }),
      };
    case "tool":
      return {
        role: "tool",
        tool_call_id: message.callId.toWellFormed(),
        content: message.content.toWellFormed(),
      };
  }
}

/** The same without half characters, in whatever text it holds. */
function wellFormed<T>(value: T): T;
function wellFormed(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => wellFormed(item));
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name.toWellFormed(), wellFormed(field)]),
  );
}

/** Arguments that are no JSON object would make some servers refuse all that follows. */
function readable(json: string): string {
  try {
    const value = JSON.parse(json);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return "{}";
    // Half a character hides here behind an escape; what has none stays as the model wrote it.
    return /\\ud[89a-f]/i.test(json) ? JSON.stringify(wellFormed(value)) : json;
  } catch {
    return "{}";
  }
}

/** The speaker goes into the text: few servers know the API's field for it. */
function toContent({ content, speaker }: Extract<LlmMessage, { role: "user" }>) {
  const prefix = speaker === undefined ? "" : `${speaker}: `;
  if (typeof content === "string") return (prefix + content).toWellFormed();
  return content.map((part, index) =>
    part.type === "text"
      ? { type: "text" as const, text: ((index === 0 ? prefix : "") + part.text).toWellFormed() }
      : { type: "image_url" as const, image_url: { url: part.url.toWellFormed() } }
  );
}

/** The schema of a tool's arguments stays the same object: it is looked through once, not once a turn. */
const schemas = new WeakMap<object, Record<string, unknown>>();

function toTool(tool: LlmTool): OpenAI.ChatCompletionFunctionTool {
  let parameters = schemas.get(tool.parameters);
  if (!parameters) schemas.set(tool.parameters, parameters = wellFormed({ ...tool.parameters }));
  const [name, description] = [tool.name.toWellFormed(), tool.description.toWellFormed()];
  return { type: "function", function: { name, description, parameters } };
}
