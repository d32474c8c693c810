/**
 * How replies leave, as the processor sees it: a link to an adapter while it is connected. The server
 * implements it with sockets.
 */

import type { Dialect } from "../domain/message.ts";
import type { ReplyFrame } from "../domain/reply.ts";

/** One connection of one adapter. A new connection is a new link. */
export interface ReplyConnection {
  /** Whether the adapter wants a reply as it grows. */
  readonly streaming: boolean;
  /** How the adapter speaks, as far as is known. */
  readonly dialect: Dialect;
  /** Whether the adapter can ask a person to agree to a tool call. */
  readonly approvals: boolean;
  /** Whether the adapter takes in what it is sent; while it does not, chunks are held back. */
  readonly writable: boolean;
  /** Sends one step of a reply. Does nothing once the connection is closed. */
  send(dialect: Dialect, frame: ReplyFrame): void;
  /** Calls back once, when `writable` is true again or the connection is closed. */
  whenWritable(callback: () => void): void;
  /**
   * True when all that was sent so far has left, or all up to the end of a request that `hasEnded`;
   * false when the connection closed before.
   */
  flushed(endOf?: string): Promise<boolean>;
  /**
   * Whether an earlier process has sent a request to its end over this link: where the adapter has
   * not got the end yet, it is on its way.
   */
  hasEnded(requestId: string): boolean;
}

/** Where to find the link to an adapter. */
export interface ReplyTransport {
  /** The adapter's connection; undefined while it has none. */
  connection(nodeId: string): ReplyConnection | undefined;
}
