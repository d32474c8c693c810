/** A request in the words of OpenAI's chat completions, in the shape that its model takes. Pure. */

import type OpenAI from "openai";
import type { ToolCall } from "../../domain/tool_call.ts";
import type { Model } from "../catalog.ts";
import type { LlmRequest, LlmTool } from "../client.ts";
import type { RequestPart, RequestShape, SentRequest } from "./request_shape.ts";
import { toolSchema } from "../tool_schema.ts";
import {
  orderMessages,
  shortenIds,
  type WireMessage,
  withoutImages,
  withoutSystem,
  withoutTools,
} from "./wire_messages.ts";

/** The body of a request; providers' own fields come on top of OpenAI's. */
export type ChatBody = OpenAI.ChatCompletionCreateParams;

/** A request that is ready to be sent. */
export interface ChatRequest {
  readonly body: ChatBody;
  /** What it has that a provider may refuse. */
  readonly sent: SentRequest;
}

type AssistantMessage = Extract<WireMessage, { role: "assistant" }>;

const noVision = "[An image was attached here. This model cannot see images.]";

/** Puts a request into the words of the API. */
export function toChatRequest(
  request: LlmRequest,
  { model, shape, imageNote = noVision }: {
    readonly model: Model;
    readonly shape: RequestShape;
    /** Stands for images that are left out. */
    readonly imageNote?: string;
  },
): ChatRequest {
  const parts = new Set<RequestPart>();
  const fields = new Set<string>();
  const use = (part: RequestPart, present: boolean): boolean => {
    if (!present || !shape.has(part)) return false;
    parts.add(part);
    return true;
  };
  let messages = orderMessages(request.messages);
  const isForeign = (message: AssistantMessage) => !hasOwnFields(message, model);
  const callers = () =>
    messages.filter((message): message is AssistantMessage =>
      message.role === "assistant" && message.calls.length > 0
    );
  if (callers().some(isForeign) && !use("foreign_calls", true)) {
    messages = withoutTools(messages, isForeign);
  }
  const hasCalls = callers().length > 0;
  const tools = toolsFor(request, messages).filter(({ name }) => shape.hasTool(name));
  const none = request.toolChoice === "none" || request.tools.length === 0;
  // Where calls cannot be forbidden, tools are not offered at all.
  const useTools = use("tools", tools.length > 0 && (!none || shape.has("tool_choice")));
  if (!useTools && hasCalls) messages = withoutTools(messages);
  const hasImages = messages.some((message) => typeof message.content !== "string");
  if (hasImages && !use("images", true)) messages = withoutImages(messages, imageNote);
  if (messages[0]?.role === "system" && !use("system", true)) messages = withoutSystem(messages);
  if (useTools && hasCalls && !use("long_call_ids", true)) messages = shortenIds(messages);
  const limits = [request.maxTokens, model.maxOutput].filter((limit) => limit !== undefined);
  const maxTokens = limits.length > 0 ? Math.min(...limits) : undefined;
  // Models that reason take the new name only; most other servers know only the old one.
  const maxName = (["max_completion_tokens", "max_tokens"] as const)
    .toSorted((one) => (one === "max_completion_tokens") === Boolean(model.reasoning) ? -1 : 1)
    .find((name) => shape.has(name));
  const stream = use("stream", true);
  const keepsFields = (message: AssistantMessage) => {
    if (!hasOwnFields(message, model) || !use("message_fields", true)) return false;
    for (const name of Object.keys(message.origin?.fields ?? {})) fields.add(name);
    for (const call of message.calls) Object.keys(call.fields ?? {}).forEach((n) => fields.add(n));
    return true;
  };
  const body = {
    model: model.id,
    messages: messages.map((message) => toMessage(message, keepsFields)),
    stream,
    ...(stream && use("stream_options", true) && { stream_options: { include_usage: true } }),
    ...(useTools && { tools: tools.map(toTool) }),
    ...(useTools && none && use("tool_choice", true) && { tool_choice: "none" }),
    ...(useTools && model.parallelToolCalls !== undefined && use("parallel_tool_calls", true) &&
      { parallel_tool_calls: model.parallelToolCalls }),
    ...(model.temperature !== undefined && use("temperature", true) &&
      { temperature: model.temperature }),
    ...(model.reasoning && use("reasoning_effort", true) && { reasoning_effort: model.reasoning }),
    ...(maxTokens !== undefined && maxName && use(maxName, true) && { [maxName]: maxTokens }),
  };
  const names = useTools ? tools.map(({ name }) => name) : [];
  return { body: body as ChatBody, sent: { parts, fields, tools: names } };
}

/** Whether a message has fields to send back. Another model's mean nothing to this one, and may be refused. */
function hasOwnFields({ origin, calls }: AssistantMessage, model: Model): boolean {
  return origin?.model === model.name &&
    (origin.fields !== undefined || calls.some((call) => call.fields));
}

/** The tools on offer; if there are none but the history has calls, the tools that were called. */
function toolsFor(
  { tools }: LlmRequest,
  messages: readonly WireMessage[],
): readonly LlmTool[] {
  const names = new Set(tools.map(({ name }) => name));
  const called = messages.flatMap((message) => message.role === "assistant" ? message.calls : [])
    .map(({ name }) => name).filter((name) => !names.has(name));
  if (tools.length > 0 || called.length === 0) return tools;
  return [...new Set(called)].map((name) => ({
    name,
    description: "Not available in this answer.",
    parameters: { type: "object", properties: {} },
  }));
}

/** Without half surrogate pairs: providers refuse the whole request for one. */
function toMessage(
  message: WireMessage,
  keepsFields: (message: AssistantMessage) => boolean,
): OpenAI.ChatCompletionMessageParam {
  switch (message.role) {
    case "system":
      return { role: "system", content: message.content.toWellFormed() };
    case "user":
      return {
        role: "user",
        content: typeof message.content === "string"
          ? message.content.toWellFormed()
          : message.content.map((part) =>
            part.type === "text"
              ? { type: "text" as const, text: part.text.toWellFormed() }
              : { type: "image_url" as const, image_url: { url: part.url } }
          ),
      };
    case "assistant": {
      const withFields = keepsFields(message);
      const { content: thoughts, ...fields } = withFields ? message.origin?.fields ?? {} : {};
      const text = message.content.toWellFormed();
      const content = Array.isArray(thoughts)
        ? [...thoughts, ...(text === "" ? [] : [{ type: "text", text }])]
        : text || null;
      return {
        role: "assistant",
        content,
        ...(message.calls.length > 0 && {
          tool_calls: message.calls.map((call) => toCall(call, withFields)),
        }),
        ...fields,
      };
    }
    case "tool":
      return {
        role: "tool",
        tool_call_id: message.callId,
        content: message.content.toWellFormed(),
      };
  }
}

function toCall(
  { id, name, arguments: json, fields = {} }: ToolCall,
  withFields: boolean,
): OpenAI.ChatCompletionMessageFunctionToolCall {
  const { function: inFunction, ...ofCall } = withFields ? fields : {};
  return {
    ...ofCall,
    id,
    type: "function",
    function: {
      ...(typeof inFunction === "object" && inFunction),
      name: name.toWellFormed() || "unnamed",
      arguments: readable(json).toWellFormed(),
    },
  };
}

/** Arguments that are not a JSON object would make some servers refuse all that follows. */
function readable(json: string): string {
  try {
    const value = JSON.parse(json);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return "{}";
    // Half a surrogate pair hides here behind an escape; anything else stays as the model wrote it.
    return /\\ud[89a-f]/i.test(json) ? JSON.stringify(wellFormed(value)) : json;
  } catch {
    return "{}";
  }
}

/** The same value without half surrogate pairs in any of its texts. */
function wellFormed<T>(value: T): T;
function wellFormed(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => wellFormed(item));
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name.toWellFormed(), wellFormed(field)]),
  );
}

/** A tool's schema stays the same object: it is converted once, not once a turn. */
const schemas = new WeakMap<object, Record<string, unknown>>();

function toTool(tool: LlmTool): OpenAI.ChatCompletionFunctionTool {
  let parameters = schemas.get(tool.parameters);
  if (!parameters) {
    schemas.set(tool.parameters, parameters = wellFormed(toolSchema(tool.parameters)));
  }
  const [name, description] = [tool.name.toWellFormed(), tool.description.toWellFormed()];
  return { type: "function", function: { name, description, parameters } };
}
