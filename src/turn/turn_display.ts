/** How the steps of a turn are shown in its reply. Used by the processor. */

import type { TurnEvent } from "./turn_event.ts";
import type { Reply } from "../delivery/reply.ts";

/** Shows a step. */
export function showStep(reply: Reply, event: TurnEvent): void {
  if (event.type === "text") return reply.add(event.text);
  const { step, description, call } = event;
  const common = { toolName: call.name, callId: call.id, step, description };
  if (event.type === "tool_started") {
    return reply.tool({ type: "tool_started", ...common, emoji: event.emoji });
  }
  const { isError, content, durationMs } = event.result;
  // The cut, or the tool itself, may have left half a character.
  const preview = content.length > 200 ? `${content.slice(0, 200)}…` : content;
  const outputPreview = preview.toWellFormed();
  reply.tool({ type: "tool_finished", ...common, success: !isError, outputPreview, durationMs });
}
