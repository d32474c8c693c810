/**
 * Sends words to systemd over its socket, as sd_notify(3) does. Deno has no stable datagrams over Unix
 * sockets, and none to abstract ones; the program `systemd-notify` would be a process for each word,
 * from which a unit with `NotifyAccess=main` takes nothing. So it calls the C library.
 */

const afUnix = 1;
const sockDgram = 2;
const closeOnExec = 0o2000000;
/** Never wait, and no signal where nobody reads. */
const sendFlags = 0x40 | 0x4000;
const clockMonotonic = 1;

const calls = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
} as const;

/** The socket that systemd listens on. It is opened for each message: they are few. */
export class NotifySocket {
  readonly #library: Deno.DynamicLibrary<typeof calls>;
  readonly #address: Uint8Array<ArrayBuffer>;

  /**
   * @param name of NOTIFY_SOCKET: a path, or `@` and the name of an abstract socket.
   * @throws {Error} when the name is neither, or on a system without this C library.
   */
  constructor(name: string) {
    this.#address = addressOf(name);
    this.#library = Deno.dlopen("libc.so.6", calls);
  }

  /** Sends lines such as `READY=1`; false when they did not get there. */
  send(lines: string): boolean {
    const { socket, sendto, close } = this.#library.symbols;
    const descriptor = socket(afUnix, sockDgram | closeOnExec, 0);
    if (descriptor < 0) return false;
    const bytes = new TextEncoder().encode(lines);
    const { length } = this.#address;
    const sent = sendto(
      descriptor,
      bytes,
      BigInt(bytes.length),
      sendFlags,
      this.#address,
      length,
    );
    close(descriptor);
    return Number(sent) === bytes.length;
  }

  /** The time of CLOCK_MONOTONIC, microseconds, as `RELOADING=1` must say it. */
  monotonicUsec(): bigint {
    const time = new BigInt64Array(2);
    this.#library.symbols.clock_gettime(clockMonotonic, new Uint8Array(time.buffer));
    return time[0]! * 1_000_000n + time[1]! / 1_000n;
  }

  [Symbol.dispose](): void {
    this.#library.close();
  }
}

/** A `struct sockaddr_un`: the family, then the path with its zero, or a zero and the abstract name. */
function addressOf(name: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(name);
  const abstract = name.startsWith("@");
  if (!abstract && !name.startsWith("/") || bytes.length > 107) {
    throw new Error(
      `Cannot use NOTIFY_SOCKET=${JSON.stringify(name)}: expected a path or @ and a name`,
    );
  }
  const address = new Uint8Array(2 + bytes.length + (abstract ? 0 : 1));
  new Uint16Array(address.buffer, 0, 1)[0] = afUnix;
  address.set(bytes, 2);
  if (abstract) address[2] = 0;
  return address;
}
