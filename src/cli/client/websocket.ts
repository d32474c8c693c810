/** Sends one request to a running gateway over its WebSocket. */

import { type ErrorCode, GatewayError } from "../../domain/errors.ts";
import { Deadline } from "../../lib/deadline.ts";
import { waitAtMost } from "../../lib/wait.ts";
import { type GatewayLocation, unreachable } from "./location.ts";

/** How long the gateway may take to answer the close, milliseconds. */
const closeTimeoutMs = 1_000;

type Frame = Readonly<Record<string, unknown>>;

/** Options of {@linkcode exchange}. */
export interface ExchangeOptions
  extends Pick<GatewayLocation, "url" | "secret" | "expected" | "absent"> {
  /** The time limit for connection and answer, milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Registers, sends a frame and returns the frame that answers its `request_id`.
 *
 * @throws {NotRunningError | UnreachableError} if no gateway responds.
 * @throws {GatewayError} if the gateway refuses.
 */
export async function exchange(frame: Frame, options: ExchangeOptions): Promise<Frame> {
  if (options.absent) throw unreachable(options);
  const socket = new WebSocket(options.url);
  const { promise, resolve, reject } = Promise.withResolvers<Frame>();
  using deadline = new Deadline({
    ms: options.timeoutMs,
    reason: new Error("The gateway did not answer"),
  });
  let opened = false;
  socket.onopen = () => {
    opened = true;
    socket.send(JSON.stringify({
      type: "register",
      platform: "cli",
      node_id: `cli-${crypto.randomUUID().slice(0, 8)}`,
      capabilities: [],
      protocol: 1,
      ...(options.secret && { secret: options.secret }),
    }));
  };
  socket.onmessage = ({ data }) => {
    const answer: Frame = JSON.parse(data);
    if (answer.type === "registered") socket.send(JSON.stringify(frame));
    else if (answer.type === "error") {
      reject(new GatewayError(answer.code as ErrorCode, String(answer.message)));
    } else if (answer.request_id === frame.request_id) resolve(answer);
  };
  socket.onclose = () =>
    reject(opened ? new Error("The gateway closed the connection") : unreachable(options));
  try {
    return await deadline.race(promise);
  } finally {
    await closeSocket(socket);
  }
}

/**
 * Closes a socket and waits briefly for the peer's answer: a process that ends before it looks crashed to
 * the peer. The socket's handlers are no longer called.
 */
export async function closeSocket(socket: WebSocket): Promise<void> {
  socket.onmessage = null;
  const closed = new Promise<void>((resolve) => socket.onclose = () => resolve());
  // Closing a socket that is still connecting is an error of no interest.
  socket.onerror = () => {};
  if (socket.readyState === WebSocket.CLOSED) return;
  socket.close(1000);
  await waitAtMost(closed, closeTimeoutMs);
}
