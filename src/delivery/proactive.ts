/** Turns the outcome of a task's message into a proactive message, which is sent as one frame. */

import type { UserMessage } from "../domain/message.ts";
import type { Outcome } from "../domain/request.ts";

/** Converts an outcome if the message came from a task; returns it unchanged otherwise. */
export function toProactive(message: UserMessage, outcome: Outcome): Outcome {
  const { task, user, channel, priority } = message;
  if (!task) return outcome;
  const silent = { type: "proactive", user, channel, priority, text: "", files: [] } as const;
  switch (outcome.type) {
    case "reply":
      return { ...silent, text: outcome.text, files: outcome.files };
    case "error": {
      const { type: _, partialText: __, ...error } = outcome;
      return { ...silent, text: task.fallback ?? "", error };
    }
    case "cancelled":
    case "proactive":
      return silent;
  }
}
