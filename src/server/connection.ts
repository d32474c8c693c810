/**
 * One socket: sends without ever blocking, knows what has left, and gives up on a reader that falls
 * too far behind. Whose socket it is, it does not know.
 */

import { backoffMs } from "../lib/backoff.ts";

/** The codes with which the gateway closes a socket itself. */
export const closeCodes = {
  goingAway: 1001,
  frameTooLarge: 1009,
  slowReader: 4408,
  unauthorized: 4401,
  registerTimeout: 4407,
  replaced: 4409,
  rateLimited: 4429,
} as const;

/** What a {@linkcode Connection} is given. */
export interface ConnectionOptions {
  /** Unsent bytes past which the socket is cut. */
  readonly sendBufferBytes: number;
}

interface FlushWaiter {
  /** It is served when this much of all that was sent has left. */
  readonly sent: number;
  readonly resolve: (flushed: boolean) => void;
}

/** Unsent bytes up to which a socket takes chunks; past that they are held back. */
const writableBytes = 256 * 1024;
/** Looks in a row that find nothing taken in, after which a socket is cut. */
const maxStuckLooks = 4;
/** How often unsent data is polled: at once, then less and less often. */
const polling = { firstMs: 1, maxMs: 100 };

export class Connection {
  readonly #socket: WebSocket;
  readonly #options: ConnectionOptions;
  readonly #onClose: ((reason: string) => void)[] = [];
  /** Characters sent, a lower bound of bytes: what has left is never overstated. */
  #sent = 0;
  #flushWaiters: FlushWaiter[] = [];
  #writableWaiters: (() => void)[] = [];
  #poll?: ReturnType<typeof setTimeout>;
  #open = true;
  /** What had left at the last look that found something unsent, and how many looks ago that was. */
  #stuckAt?: number;
  #stuckLooks = 0;

  constructor(socket: WebSocket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.addEventListener("close", ({ code }) => this.#closed(`closed with ${code || 1006}`));
  }

  /** Whether frames can be sent. */
  get open(): boolean {
    return this.#open;
  }

  /** Whether the other side takes in what it is sent. */
  get writable(): boolean {
    return this.#open && this.#socket.bufferedAmount < writableBytes;
  }

  /** Sends a frame; past the limit of unsent bytes it cuts the socket instead. */
  send(frame: object): void {
    this.sendText(JSON.stringify(frame));
  }

  /** Sends a frame that is a text of JSON already. */
  sendText(text: string): void {
    if (!this.#alive()) return;
    if (this.#socket.bufferedAmount > this.#options.sendBufferBytes) {
      this.close(closeCodes.slowReader, "reads too slowly");
      return;
    }
    this.#socket.send(text);
    this.#sent += text.length;
  }

  /** Closes the socket. It counts as closed at once, whether or not the other side answers. */
  close(code: number, reason: string): void {
    if (!this.#open) return;
    try {
      this.#socket.close(code, reason);
    } catch {
      // It was closing already.
    }
    this.#closed(reason);
  }

  /** Calls back once when the connection is closed, by either side. */
  onClose(callback: (reason: string) => void): void {
    this.#onClose.push(callback);
  }

  /** See {@linkcode Link.flushed}. */
  flushed(): Promise<boolean> {
    if (!this.#open) return Promise.resolve(false);
    if (this.#alive() && this.#socket.bufferedAmount === 0) return Promise.resolve(true);
    // On a socket that is closing this waits for its end, which must find the event loop free.
    return new Promise((resolve) => {
      this.#flushWaiters.push({ sent: this.#sent, resolve });
      this.#startPolling();
    });
  }

  /** See {@linkcode Link.whenWritable}. */
  whenWritable(callback: () => void): void {
    if (!this.#open) return callback();
    this.#writableWaiters.push(callback);
    this.#startPolling();
  }

  /**
   * Cuts a socket whose peer has taken in nothing over several calls, though there is something to
   * take: the protocol's own ping cannot tell, it waits behind what is unsent. Several, since a frame
   * counts as unsent until all of it has left, and a large one takes its time on a slow line.
   */
  cutIfStuck(): void {
    const unsent = this.#socket.bufferedAmount;
    const left = unsent > 0 ? this.#sent - unsent : undefined;
    this.#stuckLooks = left !== undefined && left === this.#stuckAt ? this.#stuckLooks + 1 : 0;
    this.#stuckAt = left;
    if (this.#stuckLooks >= maxStuckLooks) this.close(closeCodes.slowReader, "reads nothing");
  }

  /** A socket that is closing takes nothing any more, though its end is not reported yet. */
  #alive(): boolean {
    return this.#open && this.#socket.readyState === WebSocket.OPEN;
  }

  #startPolling(polls = 1): void {
    this.#poll ??= setTimeout(() => {
      this.#poll = undefined;
      this.#serveWaiters();
      const waiting = this.#flushWaiters.length + this.#writableWaiters.length > 0;
      if (waiting) this.#startPolling(polls + 1);
    }, backoffMs(polls, polling));
  }

  #serveWaiters(): void {
    // What a closing socket still holds is settled when it has closed.
    if (!this.#alive()) return;
    const unsent = this.#socket.bufferedAmount;
    const left = unsent === 0 ? this.#sent : this.#sent - unsent;
    const served = this.#flushWaiters.filter(({ sent }) => sent <= left);
    this.#flushWaiters = this.#flushWaiters.filter(({ sent }) => sent > left);
    served.forEach(({ resolve }) => resolve(true));
    if (this.writable) this.#callWritableWaiters();
  }

  #callWritableWaiters(): void {
    const waiters = this.#writableWaiters;
    this.#writableWaiters = [];
    waiters.forEach((callback) => callback());
  }

  /** Deno may report the end of one socket twice; it counts once. */
  #closed(reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    clearTimeout(this.#poll);
    this.#onClose.forEach((callback) => callback(reason));
    this.#flushWaiters.forEach(({ resolve }) => resolve(false));
    this.#flushWaiters = [];
    this.#callWritableWaiters();
  }
}
