/** A message that asks for a new conversation and nothing else. The processor answers it by itself. */

import type { TurnResult } from "./turn_event.ts";
import type { UserMessage } from "../domain/message.ts";

/** What is answered. */
export const resetReply = "A new conversation begins.";

/** Named as the model of such an answer. */
export const resetModel = "gateway";

/** How a turn without a model went. */
export const resetResult: TurnResult = {
  files: [],
  toolCount: 0,
  usage: { inputTokens: 0, outputTokens: 0 },
  model: resetModel,
  finishReason: "stop",
};

/** Whether there is nothing in a message that the model could answer: no text but a bare command. */
export function isOnlyReset(
  { reset, content, attachments }: Pick<UserMessage, "reset" | "content" | "attachments">,
): boolean {
  return reset === true && attachments.length === 0 && /^(?:\/\w+)?$/.test(content.trim());
}
