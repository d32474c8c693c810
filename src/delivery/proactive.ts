/** The outcome of a message that nobody sent: what goes out of it is one frame. Used by the processor. */

import type { UserMessage } from "../domain/message.ts";
import type { Outcome } from "../domain/request.ts";

/** A turn's outcome as it is kept and sent: unchanged where somebody asked. */
export function toProactive(message: UserMessage, outcome: Outcome): Outcome {
  const { task, user, channel, priority } = message;
  if (!task) return outcome;
  const nothing = { type: "proactive", user, channel, priority, text: "", files: [] } as const;
  switch (outcome.type) {
    case "reply":
      return { ...nothing, text: outcome.text, files: outcome.files };
    case "error": {
      const { type: _, partialText: __, ...error } = outcome;
      return { ...nothing, text: task.fallback ?? "", error };
    }
    case "cancelled":
    case "proactive":
      return nothing;
  }
}
