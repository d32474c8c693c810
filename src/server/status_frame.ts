/** The frame that answers a message which must wait or is known. Sent by the conversation. */

import type { Clara1GatewayFrame } from "../protocol/clara1.ts";
import type { ClaraPyGatewayFrame } from "../protocol/clara_py.ts";
import type { UserMessage } from "../domain/message.ts";
import type { Submission } from "../queue/intake.ts";

/** How busy the gateway is, as `status` frames say it. */
export interface ServiceFigures {
  readonly active_requests: number;
  readonly queue_length: number;
  readonly uptime_seconds: number;
}

/** A `status` in the dialect of the message. */
export function statusFrame(
  { dialect, requestId: request_id }: Pick<UserMessage, "dialect" | "requestId">,
  submission: Extract<Submission, { type: "queued" | "duplicate" }>,
  figures: ServiceFigures,
): Clara1GatewayFrame | ClaraPyGatewayFrame {
  const { position, type: state } = submission;
  if (dialect === "clara-py") {
    // Its adapters show queue_length as the place in the queue.
    return { type: "status", ...figures, queue_length: position ?? figures.queue_length };
  }
  return { type: "status", request_id, state, ...(position && { position }), ...figures };
}
