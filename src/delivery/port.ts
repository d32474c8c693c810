/** How replies leave the gateway. The server implements these interfaces with WebSockets. */

import type { Dialect } from "../domain/message.ts";
import type { ReplyFrame } from "../domain/reply.ts";

/**
 * A connection to an adapter. Without `resume` each connection of an adapter is a new object; with
 * `resume` the object survives and loses nothing.
 */
export interface ReplyConnection {
  /** Whether the adapter wants replies in chunks. */
  readonly streaming: boolean;
  /** The dialect the adapter last used. */
  readonly dialect: Dialect;
  /** Whether the adapter can ask a person to approve a tool call. */
  readonly approvals: boolean;
  /** Whether the adapter keeps up. While it does not, chunks are held back. */
  readonly writable: boolean;
  /** Sends one frame of a reply. Does nothing once the connection is closed. */
  send(dialect: Dialect, frame: ReplyFrame): void;
  /** Calls back once, when `writable` is true again or the connection is closed. */
  whenWritable(callback: () => void): void;
  /**
   * Resolves with true when everything sent so far has left, or everything up to the end of the request
   * `endOf` for which `hasEnded` is true. Resolves with false if the connection closes first.
   */
  flushed(endOf?: string): Promise<boolean>;
  /** Whether an earlier process sent the end of a request on this connection, perhaps still in transit. */
  hasEnded(requestId: string): boolean;
}

/** Finds the connection to an adapter. */
export interface ReplyTransport {
  /** Returns undefined while the adapter is not connected. */
  connection(nodeId: string): ReplyConnection | undefined;
}
