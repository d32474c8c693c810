/** Estimates a chat request's tokens as a provider with a small window would count them. */

import { estimateTokens } from "../../../src/llm/tokens.ts";
import type { ChatRequest } from "./chat_request.ts";
import { textOf } from "./chat_request.ts";

/** Estimated tokens of messages and tools, including the provider's template. */
export function requestTokens({ messages, tools = [] }: ChatRequest): number {
  const ofMessages = messages.map((message) =>
    4 + estimateTokens(textOf(message)) +
    (message.tool_calls ? estimateTokens(JSON.stringify(message.tool_calls)) : 0)
  );
  const ofTools = tools.map((tool) => estimateTokens(JSON.stringify(tool.function)));
  return [...ofMessages, ...ofTools].reduce((sum, tokens) => sum + tokens, 0);
}
