/** The servers that an operator runs, as their documentation and public bug reports describe them. */

import { openAiRefusal, type ProviderProfile } from "./profile.ts";
import { spoken, tagged, wholeCalls } from "./stream.ts";

const usual = ["stream_options", "max_tokens", "tool_choice", "temperature"];

const ollama: ProviderProfile = {
  name: "Ollama",
  path: "/v1",
  headers: {},
  model: { model: "gemma9", reasoning: "low" },
  parameters: [...usual, "max_completion_tokens"],
  unknownParameter: () =>
    openAiRefusal('"gemma9" does not support thinking', { type: "api_error" }),
  style: {
    chunkFields: { system_fingerprint: "fp_ollama" },
    deltaFields: { role: "assistant" },
    opening: "none",
    speech: tagged("think"),
    calls: wholeCalls({ asObject: true }),
  },
  learns: ["reasoning_effort"],
};

const vllm: ProviderProfile = {
  name: "vLLM",
  path: "/v1",
  headers: { authorization: "Bearer test-key" },
  parameters: usual,
  unknownParameter: (name) => ({
    status: 400,
    body: {
      object: "error",
      message:
        `[{'type': 'extra_forbidden', 'loc': ('body', '${name}'), 'msg': 'Extra inputs are ` +
        "not permitted', 'input': 1}]",
      type: "BadRequestError",
      param: null,
      code: 400,
    },
  }),
  sentBack: ({ reasoning }) => ({ message: { reasoning_content: reasoning } }),
  callId: (answer, position) => `chatcmpl-tool-${String(answer * 10 + position).padStart(32, "0")}`,
  style: { speech: spoken("reasoning_content"), chunkFields: { prompt_token_ids: null } },
};

const llamaCpp: ProviderProfile = {
  name: "llama.cpp",
  path: "/v1",
  headers: {},
  parameters: [...usual, "parallel_tool_calls"],
  unknownParameter: (name) => ({
    status: 500,
    body: { error: { code: 500, message: `Unsupported param: ${name}`, type: "server_error" } },
  }),
  refuses: ({ messages }) =>
    messages[0]?.role !== "system" ? undefined : {
      status: 500,
      body: {
        error: {
          code: 500,
          message: "Value is not callable: System role not supported at row 1, column 1 (jinja)",
          type: "server_error",
        },
      },
    },
  sentBack: ({ reasoning }) => ({ message: { reasoning_content: reasoning } }),
  callId: (answer, position) => `${answer}${position}Zk9wQ7rT2mB4xL8vN6cJ1hF3d`,
  style: {
    speech: spoken("reasoning_content"),
    chunkFields: { timings: { predicted_ms: 1 } },
  },
  learns: ["system"],
};

const lmStudio: ProviderProfile = {
  name: "LM Studio",
  path: "/v1",
  headers: {},
  parameters: usual,
  unknownParameter: (name) => ({ status: 400, body: { error: `Unrecognized key(s): '${name}'` } }),
  callId: (answer, position) => String(365_174_485 + answer * 10 + position),
  style: { speech: tagged("think"), done: false, newline: "\r\n" },
};

export const localProviders: readonly ProviderProfile[] = [
  ollama,
  vllm,
  llamaCpp,
  lmStudio,
];
