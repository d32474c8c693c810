/** Asks a running gateway one thing over its WebSocket. Used by commands that manage it. */

import { Deadline } from "../../lib/deadline.ts";
import { GatewayError } from "../../domain/errors.ts";
import type { ErrorCode } from "../../domain/errors.ts";
import { closeSocket } from "./close_socket.ts";
import { type GatewayLocation, notReached } from "./locator.ts";

/** Where the gateway is. */
export interface GatewayClientOptions extends Pick<GatewayLocation, "url" | "secret" | "expected"> {
  /** Longest time for the whole exchange, milliseconds. */
  readonly timeoutMs: number;
}

type Frame = Readonly<Record<string, unknown>>;

/**
 * Registers, sends a frame, gives the frame that answers its `request_id`.
 *
 * @throws {NotRunningError | UnreachableError} when no gateway is there; {@linkcode GatewayError} when it
 * refuses.
 */
export async function askGateway(options: GatewayClientOptions, frame: Frame): Promise<Frame> {
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
    reject(
      opened ? new Error("The gateway closed the connection") : notReached(options),
    );
  try {
    return await deadline.race(promise);
  } finally {
    await closeSocket(socket);
  }
}
