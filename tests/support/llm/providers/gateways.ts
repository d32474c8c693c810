/** The providers that pass requests on to others, as their documentation and public bug reports describe them. */

import { bearer, openAiRefusal, type ProviderProfile, signature, unsupported } from "./profile.ts";
import { pieces, spoken } from "./stream.ts";

const filters = { content_filter_offsets: { check_offset: 0 } };

const thought = (text: string) => ({
  type: "reasoning.text",
  text,
  format: "anthropic-claude-v1",
  index: 0,
});

const openRouter: ProviderProfile = {
  name: "OpenRouter",
  path: "/api/v1",
  headers: { ...bearer, "http-referer": "https://example.org" },
  parameters: ["stream_options", "max_tokens", "tool_choice", "parallel_tool_calls"],
  unknownParameter: () => ({
    status: 404,
    body: {
      error: { message: "No endpoints found that can handle the requested parameters.", code: 404 },
    },
  }),
  sentBack: ({ reasoning = "" }, answer) => ({
    message: {
      reasoning,
      reasoning_details: [{ ...thought(reasoning), signature: signature(answer) }],
    },
  }),
  callId: (answer, position) => `tool_0_current_time_${answer}${position}`,
  style: {
    preamble: ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n",
    keepAlive: ": OPENROUTER PROCESSING\n\n",
    chunkFields: { provider: "Acme" },
    speech: ({ reasoning = "", text = "" }, answer) => [
      ...pieces(reasoning).map((piece) => ({
        content: "",
        reasoning: piece,
        reasoning_details: [thought(piece)],
      })),
      {
        content: "",
        reasoning: null,
        reasoning_details: [{ ...thought(""), text: undefined, signature: signature(answer) }],
      },
      ...pieces(text).map((content) => ({ content })),
    ],
    usage: "finish",
  },
};

const gitHubModels: ProviderProfile = {
  name: "GitHub Models",
  path: "/inference",
  headers: { ...bearer, accept: "text/event-stream, application/json" },
  parameters: ["stream_options", "max_tokens", "tool_choice"],
  unknownParameter: (name) => ({
    status: 400,
    body: {
      error: {
        code: "unknown_parameter",
        message: `Unrecognized request argument supplied: ${name}`,
      },
    },
  }),
  style: { opening: "filter", chunkFields: filters, space: false },
};

const copilot: ProviderProfile = {
  name: "Copilot",
  path: "",
  headers: { ...bearer, "copilot-integration-id": "vscode-chat", "editor-version": "x/1" },
  parameters: ["stream_options", "max_tokens", "tool_choice"],
  unknownParameter: unsupported,
  sentBack: ({ reasoning }, answer) => ({
    message: { reasoning_text: reasoning, reasoning_opaque: signature(answer) },
  }),
  callId: (answer, position) => `tooluse_${answer}_${position}abcdefghijklmnop`,
  style: {
    opening: "filter",
    speech: (answer, index) => [
      ...spoken("reasoning_text")({ ...answer, text: "" }),
      { content: null, reasoning_opaque: signature(index) },
      ...spoken()(answer),
    ],
    usage: "finish",
  },
};

const liteLlm: ProviderProfile = {
  name: "LiteLLM",
  path: "",
  headers: { authorization: "Bearer test-key" },
  model: { model: "gemini-via-litellm", parallel_tool_calls: true },
  parameters: ["stream_options", "max_tokens", "tool_choice", "temperature"],
  unknownParameter: (name) =>
    openAiRefusal(
      `litellm.UnsupportedParamsError: vertex does not support parameters: ['${name}'], for ` +
        "model=x. To drop these, set `litellm.drop_params=True`. Received Model Group=x\n" +
        "Available Model Group Fallbacks=None",
      { type: "None", code: "400" },
    ),
  sentBack: ({ reasoning, calls = [] }) => ({
    message: { reasoning_content: reasoning },
    calls: calls.map((_, position) => ({
      provider_specific_fields: { thought_signature: `sig${position}` },
      function: { provider_specific_fields: { thought_signature: `sig${position}` } },
    })),
  }),
  // LiteLLM hides a signature in the id, too.
  callId: (answer, position) =>
    `call_${answer}${position}__thought__EjQKMgEMOdbH+/JChLX75QUCJjyYlm==`,
  style: {
    speech: spoken("reasoning_content"),
    calls: (calls) =>
      calls.map(({ id, name, arguments: given }, index) => {
        const provider_specific_fields = { thought_signature: `sig${index}` };
        const called = { name, arguments: JSON.stringify(given), provider_specific_fields };
        return {
          tool_calls: [{ index, id, type: "function", function: called, provider_specific_fields }],
        };
      }),
  },
  learns: ["parallel_tool_calls"],
};

export const gatewayProviders: readonly ProviderProfile[] = [
  openRouter,
  gitHubModels,
  copilot,
  liteLlm,
];
