/** Options of the adapter client: how it connects and registers. */

import type { Dialect } from "../../../src/domain/message.ts";

/** Options of a connection. */
export interface SocketOptions {
  /** The dialect the client sends, and the only one it accepts. Default: clara-1. */
  readonly dialect?: Dialect;
  /** Headers of the upgrade, such as Authorization or Origin. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether to connect through a relay, which `drop()` and `relay.stall()` need. */
  readonly relay?: boolean;
}

/** What the client registers with. */
export interface RegisterOptions {
  /** Default: a random id. */
  readonly nodeId?: string;
  /** Default: `test`. */
  readonly platform?: string;
  /** Default: `streaming`. */
  readonly capabilities?: readonly string[];
  readonly secret?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** The session to resume and the last `seq` received. */
  readonly resume?: { readonly sessionId: string; readonly lastSeq: number };
}

/** Options of connecting and registering. */
export interface ConnectOptions extends SocketOptions, RegisterOptions {
  /** The gateway's address, as ws://host:port. */
  readonly url: string;
}

/** Builds the `register` frame; a Python adapter's has no protocol version. */
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
