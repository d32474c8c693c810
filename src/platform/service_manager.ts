/**
 * Reports the state of the gateway to systemd: ready, stopping, alive. Without a supervisor nothing is
 * sent. The protocol is that of sd_notify(3) and sd_watchdog_enabled(3).
 */

import { errorText } from "../lib/error_text.ts";
import { logger } from "../logging/log.ts";

const log = logger("platform");

/** What the service manager has put into the environment. */
export interface Supervision {
  /** NOTIFY_SOCKET: where to send. */
  readonly notifySocket?: string;
  /** WATCHDOG_USEC in milliseconds: the process is killed if it is silent for longer. */
  readonly watchdogMs?: number;
}

export class ServiceManager implements Disposable {
  readonly #socket?: NotifySocket;
  readonly #watchdogMs?: number;
  readonly #extendMs: number;
  #watchdogTimer?: ReturnType<typeof setInterval>;
  #extendTimer?: ReturnType<typeof setInterval>;
  #stopping = false;

  /**
   * @param options.extendMs how often the time limit of a stop is extended, milliseconds, each time by
   * twice as much. Default: 5000.
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
      log.warn("Cannot notify the service manager: {error}", { error: errorText(error) });
    }
  }

  /** The gateway is up, or has finished a reload. */
  ready(status: string): void {
    this.#send("READY=1", `STATUS=${status}`);
  }

  /** The configuration is being reloaded; `ready` must follow. */
  reloading(): void {
    if (this.#socket) this.#send("RELOADING=1", `MONOTONIC_USEC=${this.#socket.monotonicUsec()}`);
  }

  /**
   * Pings the watchdog twice per time limit, unless `standstill` resolves with what has stopped working,
   * or does not resolve.
   */
  watch(standstill: () => Promise<string | undefined>): void {
    if (!this.#socket || !this.#watchdogMs || this.#watchdogTimer !== undefined) return;
    let checking = false;
    this.#watchdogTimer = setInterval(async () => {
      // The time limit of the stop covers the stop.
      if (this.#stopping) return void this.#send("WATCHDOG=1");
      if (checking) return;
      checking = true;
      const problem = await standstill().catch(errorText);
      checking = false;
      if (this.#watchdogTimer === undefined) return;
      if (problem === undefined) return void this.#send("WATCHDOG=1");
      log.error("Skipping watchdog ping: {problem}", { problem });
      this.#send(`STATUS=Skipping watchdog ping: ${problem}`);
    }, this.#watchdogMs / 2);
  }

  /** A stop has begun. Extends its time limit while it lasts, for `longestMs` at most. */
  stopping({ longestMs }: { readonly longestMs: number }): void {
    if (!this.#socket || this.#stopping) return;
    this.#stopping = true;
    const endsAt = performance.now() + longestMs;
    const extension = `EXTEND_TIMEOUT_USEC=${2 * this.#extendMs * 1000}`;
    this.#send("STOPPING=1", "STATUS=Finishing running turns", extension);
    this.#extendTimer = setInterval(() => {
      if (performance.now() < endsAt) this.#send(extension);
      else clearInterval(this.#extendTimer);
    }, this.#extendMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#watchdogTimer);
    clearInterval(this.#extendTimer);
    this.#watchdogTimer = undefined;
    this.#socket?.[Symbol.dispose]();
  }

  #send(...lines: readonly string[]): void {
    if (!this.#socket || this.#socket.send(lines.join("\n"))) return;
    log.debug("The service manager did not receive {lines}", { lines: lines.join(" ") });
  }
}

const afUnix = 1;
const sockDgram = 2;
const sockCloexec = 0o2000000;
/** MSG_DONTWAIT and MSG_NOSIGNAL. */
const sendFlags = 0x40 | 0x4000;
const clockMonotonic = 1;

const calls = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
} as const;

/**
 * Sends to the socket of systemd through the C library. Deno has no stable datagrams over Unix sockets,
 * and none over abstract ones; and with `NotifyAccess=main` systemd ignores the program `systemd-notify`.
 */
class NotifySocket implements Disposable {
  readonly #library: Deno.DynamicLibrary<typeof calls>;
  readonly #address: Uint8Array<ArrayBuffer>;

  /**
   * @param name the value of NOTIFY_SOCKET: a path, or `@` and the name of an abstract socket.
   * @throws {Error} if the name is neither, or the system does not have this C library.
   */
  constructor(name: string) {
    this.#address = toSocketAddress(name);
    this.#library = Deno.dlopen("libc.so.6", calls);
  }

  /** Sends lines such as `READY=1`; returns whether they were received. */
  send(lines: string): boolean {
    const { socket, sendto, close } = this.#library.symbols;
    const descriptor = socket(afUnix, sockDgram | sockCloexec, 0);
    if (descriptor < 0) return false;
    const bytes = new TextEncoder().encode(lines);
    const size = BigInt(bytes.length);
    const { length } = this.#address;
    const sent = sendto(descriptor, bytes, size, sendFlags, this.#address, length);
    close(descriptor);
    return Number(sent) === bytes.length;
  }

  /** The time of CLOCK_MONOTONIC for `RELOADING=1`, microseconds. */
  monotonicUsec(): bigint {
    const time = new BigInt64Array(2);
    this.#library.symbols.clock_gettime(clockMonotonic, new Uint8Array(time.buffer));
    return time[0]! * 1_000_000n + time[1]! / 1_000n;
  }

  [Symbol.dispose](): void {
    this.#library.close();
  }
}

/** A `struct sockaddr_un`: the family, then the path and a zero, or a zero and the abstract name. */
function toSocketAddress(name: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(name);
  const abstract = name.startsWith("@");
  if (!abstract && !name.startsWith("/") || bytes.length > 107) {
    throw new Error(
      `Cannot use NOTIFY_SOCKET=${JSON.stringify(name)}: expected a path, or @ and a name`,
    );
  }
  const address = new Uint8Array(2 + bytes.length + (abstract ? 0 : 1));
  new Uint16Array(address.buffer, 0, 1)[0] = afUnix;
  address.set(bytes, 2);
  if (abstract) address[2] = 0;
  return address;
}
