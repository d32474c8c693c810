/**
 * The hosted providers, as their documentation and public bug reports describe them. What is said of one model
 * of a provider stands for the provider here.
 */

import type { ChatRequest } from "../chat_request.ts";
import {
  bearer,
  type ModelAnswer,
  openAiRefusal,
  type ProviderProfile,
  type Refusal,
  signature,
  unsupported,
} from "./profile.ts";
import { pieces, spoken, tagged, wholeCalls } from "./stream.ts";

const unrecognized = (name: string) =>
  openAiRefusal(`Unrecognized request argument supplied: ${name}`);
/** Pydantic's refusal of a field (Mistral). */
const forbidden = (...loc: readonly (string | number)[]): Refusal => ({
  status: 422,
  body: {
    object: "error",
    message: {
      detail: [{ type: "extra_forbidden", loc, msg: "Extra inputs are not permitted", input: "x" }],
    },
    type: "invalid_request_error",
    param: null,
    code: null,
  },
});
const google = (message: string): Refusal => ({
  status: 400,
  body: [{ error: { code: 400, message, status: "INVALID_ARGUMENT" } }],
});
/** `reasoning_content` comes back with every message that has calls. */
const reasoningContent = ({ reasoning }: ModelAnswer) => ({
  message: { reasoning_content: reasoning },
});
const assistants = ({ messages }: ChatRequest) =>
  messages.map((message, index) => ({ message, index }))
    .filter(({ message: { role } }) => role === "assistant");

const filters = { content_filter_offsets: { check_offset: 0 } };
const xaiRefusal = (error: string): Refusal => ({
  status: 400,
  body: { code: "Client specified an invalid argument", error },
});

const openAi: ProviderProfile = {
  name: "OpenAI",
  path: "/v1",
  headers: bearer,
  model: { model: "o9", reasoning: "low", temperature: 0.3, max_output: 4_000 },
  parameters: ["stream_options", "tool_choice", "reasoning_effort", "max_completion_tokens"],
  unknownParameter: (name) =>
    name === "temperature"
      ? openAiRefusal(
        "Unsupported value: 'temperature' does not support 0.3 with this model. Only the default " +
          "(1) value is supported.",
        { param: "temperature", code: "unsupported_value" },
      )
      : unsupported(name),
  style: { chunkFields: { service_tier: "default", obfuscation: "x7" } },
  learns: ["temperature"],
};

const azure: ProviderProfile = {
  name: "Azure",
  path: "/openai/deployments/gpt",
  query: "?api-version=2024-06-01",
  headers: { "api-key": "azure-key" },
  parameters: ["max_tokens"],
  unknownParameter: unrecognized,
  style: { opening: "filter", speech: (answer) => spoken()(answer), chunkFields: filters },
  learns: ["stream_options"],
  reportsUsage: false,
};

const anthropic: ProviderProfile = {
  name: "Anthropic",
  path: "/v1",
  headers: bearer,
  model: { model: "claude-9", temperature: 0.3 },
  parameters: ["stream_options", "max_tokens", "tool_choice"],
  unknownParameter: (name) => openAiRefusal(`\`${name}\` is deprecated for this model.`),
  callId: (answer, position) => `toolu_01${String(answer * 10 + position).padStart(22, "A")}`,
  style: { opening: "none", deltaFields: { role: "assistant" } },
  learns: ["temperature"],
};

const googleProfile: ProviderProfile = {
  name: "Google",
  path: "/v1beta/openai",
  headers: bearer,
  model: { model: "gemini-9", parallel_tool_calls: true },
  parameters: ["stream_options", "max_tokens", "tool_choice"],
  unknownParameter: (name) =>
    google(`Invalid JSON payload received. Unknown name "${name}": Cannot find field.`),
  missingFields: () =>
    google("Function call is missing a thought_signature in functionCall parts."),
  // Of parallel calls the first one has the signature.
  sentBack: ({ calls = [] }, answer) => ({
    calls: calls.map((_, position) =>
      position === 0 ? { extra_content: { google: { thought_signature: signature(answer) } } } : {}
    ),
  }),
  callId: (answer, position) => `function-call-${answer * 10 + position + 7_000_000}`,
  style: {
    opening: "none",
    newline: "\r\n",
    deltaFields: { role: "assistant" },
    calls: wholeCalls({
      index: false,
      fields: (answer, position) =>
        position === 0
          ? { extra_content: { google: { thought_signature: signature(answer) } } }
          : {},
    }),
    usage: "every",
    callsFinish: "stop",
  },
  learns: ["parallel_tool_calls"],
};

const bedrock: ProviderProfile = {
  name: "Bedrock",
  path: "/openai/v1",
  headers: bearer,
  parameters: ["stream_options", "max_tokens", "tool_choice"],
  unknownParameter: unrecognized,
  callId: (answer, position) => `chatcmpl-tool-${String(answer * 10 + position).padStart(32, "0")}`,
  style: { speech: tagged("reasoning") },
};

const xai: ProviderProfile = {
  name: "xAI",
  path: "/v1",
  headers: bearer,
  model: { model: "grok-9", reasoning: "low" },
  parameters: ["stream_options", "max_completion_tokens", "tool_choice"],
  unknownParameter: (name) =>
    xaiRefusal(
      `Model grok-9 does not support parameter ${
        name.replace(/_(\w)/g, (_, c) => c.toUpperCase())
      }.`,
    ),
  sentBack: reasoningContent,
  style: { speech: spoken("reasoning_content"), calls: wholeCalls(), usage: "every" },
  learns: ["reasoning_effort"],
};

const groq: ProviderProfile = {
  name: "Groq",
  path: "/openai/v1",
  headers: bearer,
  parameters: ["stream_options", "max_tokens", "tool_choice"],
  unknownParameter: (name) => openAiRefusal(`property '${name}' is unsupported`),
  refuses: (body) => {
    const found = assistants(body).find(({ message }) => "reasoning" in message);
    return found && openAiRefusal(
      `'messages.${found.index}' : for 'role:assistant' the following must be satisfied[(` +
        `'messages.${found.index}' : property 'reasoning' is unsupported, did you mean 'role'?)]`,
    );
  },
  callId: (answer, position) => `fc_${answer}-${position}`,
  style: { speech: spoken("reasoning"), calls: wholeCalls(), usage: "x_groq" },
  learns: ["message_fields"],
};

/** A piece of Mistral's thinking: content parts instead of a text. */
const thinking = (text: string) => ({ type: "thinking", thinking: [{ type: "text", text }] });

const mistral: ProviderProfile = {
  name: "Mistral",
  path: "/v1",
  headers: bearer,
  parameters: ["max_tokens", "tool_choice"],
  unknownParameter: (name) => forbidden("body", name),
  refuses: ({ messages }) => {
    const ids = messages.flatMap(({ tool_calls = [] }) => tool_calls.map(({ id }) => id));
    const wrong = ids.find((id) => !/^[A-Za-z0-9]{9}$/.test(id));
    return wrong === undefined ? undefined : {
      status: 400,
      body: {
        object: "error",
        message: `Tool call id was ${wrong} but must be a-z, A-Z, 0-9, with a length of 9.`,
        type: "invalid_function_call",
        param: null,
        code: "3280",
      },
    };
  },
  sentBack: ({ reasoning = "", text }) => ({
    content: [thinking(reasoning), ...(text === undefined ? [] : [{ type: "text", text }])],
  }),
  // The same ids in every answer: the gateway has to make its own.
  callId: (_, position) => `a1b2c3d4${position}`,
  style: {
    speech: ({ reasoning = "", text = "" }) => [
      ...pieces(reasoning).map((piece) => ({ content: [thinking(piece)] })),
      ...pieces(text).map((content) => ({ content })),
    ],
    calls: wholeCalls(),
    usage: "finish",
  },
  learns: ["stream_options", "long_call_ids"],
};

const deepSeek: ProviderProfile = {
  name: "DeepSeek",
  path: "",
  headers: bearer,
  parameters: ["stream_options", "max_tokens", "tool_choice"],
  unknownParameter: unsupported,
  missingFields: () =>
    openAiRefusal("The `reasoning_content` in the thinking mode must be passed back to the API.", {
      code: "invalid_request_error",
    }),
  sentBack: reasoningContent,
  callId: (answer, position) => `call_${position}_0d7e4a7c-1f1b-4c55-b2f2-0000000000${answer}`,
  style: {
    preamble: ": keep-alive\n\n: keep-alive\n\n",
    deltaFields: { content: null, reasoning_content: null },
    speech: spoken("reasoning_content"),
    usage: "finish",
  },
};

const moonshot: ProviderProfile = {
  name: "Moonshot",
  path: "/v1",
  headers: bearer,
  model: { model: "kimi-9", temperature: 0.3 },
  parameters: ["stream_options", "max_tokens", "tool_choice", "temperature"],
  unknownParameter: unsupported,
  refuses: ({ temperature }) =>
    temperature === undefined || temperature === 1
      ? undefined
      : openAiRefusal("invalid temperature: only 1 is allowed for this model"),
  missingFields: (position) =>
    openAiRefusal(
      "thinking is enabled but reasoning_content is missing in assistant tool call message at " +
        `index ${position}`,
    ),
  sentBack: reasoningContent,
  callId: (answer, position) => `functions.current_time:${answer * 10 + position}`,
  style: { speech: spoken("reasoning_content"), usage: "choice" },
  learns: ["temperature"],
};

const zhipu: ProviderProfile = {
  name: "Zhipu",
  path: "/api/paas/v4",
  headers: bearer,
  model: { model: "glm-9", max_output: 500_000 },
  parameters: ["stream_options", "max_tokens", "tool_choice"],
  unknownParameter: () => ({
    status: 400,
    body: { error: { code: "1210", message: "API 调用参数有误，请检查文档。" } },
  }),
  refuses: ({ max_tokens }) =>
    Number(max_tokens ?? 0) > 131_072
      ? {
        status: 400,
        body: { error: { code: "1214", message: "max_tokens参数非法。请检查文档。" } },
      }
      : undefined,
  sentBack: reasoningContent,
  callId: (answer, position) => `call_-8${answer}${position}417301`,
  style: {
    opening: "none",
    preamble: `data: {"id":"","object":"","created":0,"model":"","choices":null,"usage":null}\n\n`,
    deltaFields: { role: "assistant" },
    speech: spoken("reasoning_content"),
    calls: wholeCalls(),
    usage: "finish",
  },
  learns: ["max_tokens"],
};

const dashScope: ProviderProfile = {
  name: "DashScope",
  path: "/compatible-mode/v1",
  headers: bearer,
  parameters: ["stream_options", "max_tokens", "tool_choice", "parallel_tool_calls"],
  unknownParameter: (name) =>
    openAiRefusal(`<400> InternalError.Algo.InvalidParameter: ${name} is not supported`, {
      code: "invalid_parameter_error",
    }),
  sentBack: reasoningContent,
  style: {
    deltaFields: { content: null },
    speech: spoken("reasoning_content"),
    // Further pieces repeat the call with an empty id and no name.
    calls: (calls) =>
      calls.flatMap(({ id, name, arguments: given }, index) =>
        pieces(JSON.stringify(given)).map((text, piece) => ({
          tool_calls: [{
            index,
            id: piece === 0 ? id : "",
            type: "function",
            function: { name: piece === 0 ? name : null, arguments: text },
          }],
        }))
      ),
  },
};

export const hostedProviders: readonly ProviderProfile[] = [
  openAi,
  azure,
  anthropic,
  googleProfile,
  bedrock,
  xai,
  groq,
  mistral,
  deepSeek,
  moonshot,
  zhipu,
  dashScope,
];
