/** How an adapter connects and what it says first. The adapter client's options. */

import type { Dialect } from "../../../src/domain/message.ts";

/** How a socket is opened. */
export interface SocketOptions {
  /** The dialect in which the client speaks, and the only one it bears. Default: clara-1. */
  readonly dialect?: Dialect;
  /** Headers of the upgrade, such as Authorization or Origin. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether to go through a relay, which `drop()` and `relay.stall()` need. */
  readonly relay?: boolean;
}

/** What a client says of itself. */
export interface RegisterOptions {
  /** Default: a new one. */
  readonly nodeId?: string;
  /** Default: `test`. */
  readonly platform?: string;
  /** Default: streaming. */
  readonly capabilities?: readonly string[];
  readonly secret?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** The session to take up again, and the last `seq` that arrived. */
  readonly resume?: { readonly sessionId: string; readonly lastSeq: number };
}

/** How a client connects and registers. */
export interface ConnectOptions extends SocketOptions, RegisterOptions {
  /** The gateway, as ws://host:port. */
  readonly url: string;
}

/** The `register` frame; only a Python adapter's does not tell the protocol's version. */
export function registerFrame(
  options: RegisterOptions & { readonly dialect?: Dialect },
): Readonly<Record<string, unknown>> {
  const { nodeId = `node-${crypto.randomUUID()}`, platform = "test", secret, resume } = options;
  return {
    type: "register",
    node_id: nodeId,
    platform,
    capabilities: options.capabilities ?? ["streaming"],
    metadata: options.metadata ?? {},
    ...(options.dialect !== "clara-py" && { protocol: 1 }),
    ...(secret !== undefined && { secret }),
    ...(resume && { session_id: resume.sessionId, last_seq: resume.lastSeq }),
  };
}
