/**
 * Tells the service manager how the gateway is: ready, stopping, alive. Used by `run`; where nobody
 * supervises the process, nothing is sent. The protocol is that of sd_notify(3) and sd_watchdog_enabled(3).
 */

import { errorText } from "../lib/error_text.ts";
import { logger } from "../logging/log.ts";
import { NotifySocket } from "./notify_socket.ts";

const log = logger("platform");

/** What the service manager has put into the environment. */
export interface Supervision {
  /** NOTIFY_SOCKET: where to send. */
  readonly notifySocket?: string;
  /** WATCHDOG_USEC, as milliseconds: the process is ended when it is silent for longer. */
  readonly watchdogMs?: number;
}

export class ServiceManager implements Disposable {
  readonly #socket?: NotifySocket;
  readonly #watchdogMs?: number;
  readonly #extendMs: number;
  #watching?: ReturnType<typeof setInterval>;
  #extending?: ReturnType<typeof setInterval>;
  #stopping = false;

  /**
   * @param options.extendMs how often time for an orderly end is asked for, milliseconds; each time for
   * twice as long. Default: 5000.
   */
  constructor(
    { notifySocket, watchdogMs }: Supervision,
    { extendMs = 5_000 }: { readonly extendMs?: number } = {},
  ) {
    this.#watchdogMs = watchdogMs;
    this.#extendMs = extendMs;
    if (!notifySocket) return;
    try {
      this.#socket = new NotifySocket(notifySocket);
    } catch (error) {
      log.warn("Cannot tell the service manager anything: {error}", { error: errorText(error) });
    }
  }

  /** The gateway is up, or is done with reloading. */
  ready(status: string): void {
    this.#send("READY=1", `STATUS=${status}`);
  }

  /** A line for people who ask for the service's status. */
  status(status: string): void {
    this.#send(`STATUS=${status}`);
  }

  /** The configuration is read anew; `ready` must follow. */
  reloading(): void {
    if (this.#socket) this.#send("RELOADING=1", `MONOTONIC_USEC=${this.#socket.monotonicUsec()}`);
  }

  /**
   * Sends a sign of life at half of the watchdog's time, as long as `standstill` finds nothing that
   * stands still. One that does not answer counts as a standstill.
   */
  watch(standstill: () => Promise<string | undefined>): void {
    if (!this.#socket || !this.#watchdogMs || this.#watching !== undefined) return;
    let looking = false;
    this.#watching = setInterval(async () => {
      // While it stops, that is looked after by the time that was asked for.
      if (this.#stopping) return void this.#send("WATCHDOG=1");
      if (looking) return;
      looking = true;
      const found = await standstill().catch(errorText);
      looking = false;
      if (this.#watching === undefined) return;
      if (found === undefined) return void this.#send("WATCHDOG=1");
      log.error("No sign of life to the watchdog: {found}", { found });
      this.#send(`STATUS=No sign of life: ${found}`);
    }, this.#watchdogMs / 2);
  }

  /** The orderly end has begun; time is asked for as long as it goes on, but no longer than `longestMs`. */
  stopping({ longestMs }: { readonly longestMs: number }): void {
    if (!this.#socket || this.#stopping) return;
    this.#stopping = true;
    const endsAt = performance.now() + longestMs;
    const extension = `EXTEND_TIMEOUT_USEC=${2 * this.#extendMs * 1000}`;
    this.#send("STOPPING=1", "STATUS=Finishing what runs", extension);
    this.#extending = setInterval(() => {
      if (performance.now() < endsAt) this.#send(extension);
      else clearInterval(this.#extending);
    }, this.#extendMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#watching);
    clearInterval(this.#extending);
    this.#watching = undefined;
    this.#socket?.[Symbol.dispose]();
  }

  #send(...lines: readonly string[]): void {
    if (!this.#socket || this.#socket.send(lines.join("\n"))) return;
    log.debug("The service manager did not take {lines}", { lines: lines.join(" ") });
  }
}
