/**
 * The answer to `register`: the session that an adapter names is taken up again, or a new one begins.
 * Called by the conversation, for an adapter that may come in.
 */

import type { register } from "../protocol/clara1.ts";
import type * as z from "zod";
import type { AdapterRegistry } from "./registry.ts";
import type { AdapterConnection } from "./adapter_connection.ts";
import type { Connection } from "./connection.ts";

/** What {@linkcode openSession} is given. */
export interface SessionOpeningOptions {
  readonly hub: AdapterRegistry;
  readonly connection: Connection;
  readonly heartbeatMs: number;
  readonly frameBytes: number;
  /** ISO 8601. */
  readonly serverTime: string;
}

type RegisterFrame = z.output<typeof register>;

/** Opens a session and answers; `resumed` where it goes on with the last one. */
export function openSession(
  frame: RegisterFrame,
  options: SessionOpeningOptions,
): { readonly link: AdapterConnection; readonly resumed: boolean } {
  const { hub, connection } = options;
  const { node_id: nodeId, platform, capabilities, session_id: sessionId } = frame;
  const lastSeq = frame.last_seq ?? 0;
  if (sessionId && hub.canResume(nodeId, { sessionId, lastSeq })) {
    const welcome = registered(nodeId, { ...options, sessionId, resumed: true });
    return { link: hub.resume(nodeId, { lastSeq, connection, welcome }), resumed: true };
  }
  if (sessionId) {
    connection.send({
      type: "error",
      request_id: null,
      code: "invalid_session",
      message:
        `Cannot resume session "${sessionId}" after frame ${lastSeq}: it is not kept. A new ` +
        "one follows, with all replies that were not sent to their end.",
      recoverable: true,
    });
  }
  const welcome = (sessionId: string) =>
    registered(nodeId, { ...options, sessionId, resumed: false });
  const link = hub.attach({ nodeId, platform, capabilities }, { connection, welcome });
  return { link, resumed: false };
}

function registered(
  node_id: string,
  options: SessionOpeningOptions & { readonly sessionId: string; readonly resumed: boolean },
) {
  return {
    type: "registered",
    node_id,
    session_id: options.sessionId,
    resumed: options.resumed,
    protocol: 1,
    server_time: options.serverTime,
    heartbeat_seconds: options.heartbeatMs / 1000,
    max_frame_bytes: options.frameBytes,
  } as const;
}
