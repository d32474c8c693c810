/** The event that tells how a turn has ended. Emitted by the processor once that is committed. */

import { type EventBus, eventOrigin } from "../domain/events.ts";
import type { ClaimedRequest, Outcome } from "../domain/request.ts";

/** Emits the event of an outcome. */
export function emitEnd(
  events: EventBus,
  claimed: ClaimedRequest,
  { outcome, now }: { readonly outcome: Outcome; readonly now: number },
): void {
  const origin = eventOrigin(claimed);
  switch (outcome.type) {
    case "reply":
      return events.emit("message:sent", {
        ...origin,
        content: outcome.text,
        tool_count: outcome.toolCount,
        duration_ms: now - claimed.acceptedAt,
      });
    case "cancelled":
      return events.emit("message:cancelled", origin);
    case "error":
      return events.emit("message:error", {
        ...origin,
        code: outcome.code,
        message: outcome.message,
      });
    case "proactive":
      // Made of one of the above only when it is kept.
      return;
  }
}
