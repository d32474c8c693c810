/**
 * One WebSocket. It sends without blocking, tracks what has left, and closes a socket whose peer reads
 * too slowly. It does not know which adapter it belongs to.
 */

import { backoffMs } from "../lib/backoff.ts";

/** The codes with which the gateway closes a socket. */
export const closeCodes = {
  /** Service restart: the Python system's adapters reconnect after it, but not after 1000 or 1001. */
  restart: 1012,
  frameTooLarge: 1009,
  slowReader: 4408,
  unauthorized: 4401,
  registerTimeout: 4407,
  replaced: 4409,
  rateLimited: 4429,
} as const;

/** Options of a {@linkcode Connection}. */
export interface ConnectionOptions {
  /** The socket is closed when it has more unsent bytes than this. */
  readonly sendBufferBytes: number;
}

interface FlushWaiter {
  /** Resolves when this much of all that was sent has left. */
  readonly sent: number;
  readonly resolve: (flushed: boolean) => void;
}

/** With more unsent bytes than this, chunks are held back. */
const writableBytes = 256 * 1024;
/** Consecutive checks without progress after which a socket is closed. */
const maxStuckChecks = 4;
/** Intervals at which unsent data is polled. */
const polling = { firstMs: 1, maxMs: 100 };

export class Connection {
  readonly #socket: WebSocket;
  readonly #options: ConnectionOptions;
  readonly #onClose: ((reason: string) => void)[] = [];
  /** Characters sent. This is at most the number of bytes, so what has left is never overstated. */
  #sent = 0;
  #flushWaiters: FlushWaiter[] = [];
  #writableWaiters: (() => void)[] = [];
  #pollTimer?: ReturnType<typeof setTimeout>;
  #open = true;
  /** What had left at the last check that found unsent data. */
  #stuckAt?: number;
  #stuckChecks = 0;

  constructor(socket: WebSocket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.addEventListener("close", ({ code }) => this.#closed(`closed with ${code || 1006}`));
  }

  get open(): boolean {
    return this.#open;
  }

  /** Whether the peer keeps up with what it is sent. */
  get writable(): boolean {
    return this.#open && this.#socket.bufferedAmount < writableBytes;
  }

  /** Sends a frame, or closes the socket if it has too many unsent bytes. */
  send(frame: object): void {
    this.sendText(JSON.stringify(frame));
  }

  /** Like `send`, for a frame that is already JSON text. */
  sendText(text: string): void {
    if (!this.#canSend()) return;
    if (this.#socket.bufferedAmount > this.#options.sendBufferBytes) {
      this.close(closeCodes.slowReader, "reads too slowly");
      return;
    }
    this.#socket.send(text);
    this.#sent += text.length;
  }

  /** Closes the socket. The connection counts as closed at once, even if the peer does not answer. */
  close(code: number, reason: string): void {
    if (!this.#open) return;
    try {
      this.#socket.close(code, reason);
    } catch {
      // It was already closing.
    }
    this.#closed(reason);
  }

  /** Calls back once when either side closes the connection. */
  onClose(callback: (reason: string) => void): void {
    this.#onClose.push(callback);
  }

  /** Resolves with true when everything sent so far has left, with false if the socket closes first. */
  flushed(): Promise<boolean> {
    if (!this.#open) return Promise.resolve(false);
    if (this.#canSend() && this.#socket.bufferedAmount === 0) return Promise.resolve(true);
    // A closing socket resolves this with its close event, so yield to the event loop.
    return new Promise((resolve) => {
      this.#flushWaiters.push({ sent: this.#sent, resolve });
      this.#startPolling();
    });
  }

  /** Calls back once, when `writable` is true again or the connection is closed. */
  whenWritable(callback: () => void): void {
    if (!this.#open) return callback();
    this.#writableWaiters.push(callback);
    this.#startPolling();
  }

  /**
   * Closes the socket if several calls in a row find unsent data and no progress. The WebSocket ping
   * cannot detect that, as it queues behind the unsent data. One check is not enough: a frame counts as
   * unsent until all of it has left, which takes a while for a large frame on a slow line.
   */
  closeIfStuck(): void {
    const unsent = this.#socket.bufferedAmount;
    const left = unsent > 0 ? this.#sent - unsent : undefined;
    this.#stuckChecks = left !== undefined && left === this.#stuckAt ? this.#stuckChecks + 1 : 0;
    this.#stuckAt = left;
    if (this.#stuckChecks >= maxStuckChecks) this.close(closeCodes.slowReader, "reads nothing");
  }

  /** False also for a socket that is closing, before its close event. */
  #canSend(): boolean {
    return this.#open && this.#socket.readyState === WebSocket.OPEN;
  }

  #startPolling(polls = 1): void {
    this.#pollTimer ??= setTimeout(() => {
      this.#pollTimer = undefined;
      this.#settleWaiters();
      const waiting = this.#flushWaiters.length + this.#writableWaiters.length > 0;
      if (waiting) this.#startPolling(polls + 1);
    }, backoffMs(polls, polling));
  }

  #settleWaiters(): void {
    // Waiters of a closing socket are settled by its close event.
    if (!this.#canSend()) return;
    const unsent = this.#socket.bufferedAmount;
    const left = unsent === 0 ? this.#sent : this.#sent - unsent;
    const settled = this.#flushWaiters.filter(({ sent }) => sent <= left);
    this.#flushWaiters = this.#flushWaiters.filter(({ sent }) => sent > left);
    settled.forEach(({ resolve }) => resolve(true));
    if (this.writable) this.#callWritableWaiters();
  }

  #callWritableWaiters(): void {
    const waiters = this.#writableWaiters;
    this.#writableWaiters = [];
    waiters.forEach((callback) => callback());
  }

  /** Deno may report the close of a socket twice. */
  #closed(reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    clearTimeout(this.#pollTimer);
    this.#onClose.forEach((callback) => callback(reason));
    this.#flushWaiters.forEach(({ resolve }) => resolve(false));
    this.#flushWaiters = [];
    this.#callWritableWaiters();
  }
}
