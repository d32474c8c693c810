/** What a request to the model weighs, as a scripted provider with a small window would count it. */

import { estimateTokens } from "../../../src/llm/tokens.ts";
import type { ChatRequest } from "./chat_request.ts";
import { textOf } from "./chat_request.ts";

/** Tokens (estimated) of messages and tools, each with what a provider's template adds. */
export function requestTokens({ messages, tools = [] }: ChatRequest): number {
  const ofMessages = messages.map((message) =>
    4 + estimateTokens(textOf(message)) +
    (message.tool_calls ? estimateTokens(JSON.stringify(message.tool_calls)) : 0)
  );
  const ofTools = tools.map((tool) => estimateTokens(JSON.stringify(tool.function)));
  return [...ofMessages, ...ofTools].reduce((sum, tokens) => sum + tokens, 0);
}
