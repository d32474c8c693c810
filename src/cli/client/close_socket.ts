/** Closes a WebSocket in order: a process that ends before the peer's answer looks like a crash to it. */

import { waitAtMost } from "../../lib/wait.ts";

/** How long the peer may take to answer the close, milliseconds. */
const closeMs = 1_000;

/** Closes a socket and waits for the peer's answer, for a moment. Its own handlers hear no more. */
export async function closeSocket(socket: WebSocket): Promise<void> {
  socket.onmessage = null;
  const closed = new Promise<void>((resolve) => socket.onclose = () => resolve());
  // Where there is no connection yet, closing is an error that nobody needs to hear of.
  socket.onerror = () => {};
  if (socket.readyState === WebSocket.CLOSED) return;
  socket.close(1000);
  await waitAtMost(closed, closeMs);
}
