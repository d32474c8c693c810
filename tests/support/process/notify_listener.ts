/**
 * A service manager's notification socket. Uses libc, because Deno supports such sockets only
 * behind unstable flags. Linux only.
 */

import { AwaitableList } from "../awaitable_list.ts";

const calls = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize", nonblocking: true },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

export class NotifyListener implements AsyncDisposable {
  /** Received messages, in order; one per datagram. */
  readonly messages = new AwaitableList<string>((text) => text);
  readonly #library = Deno.dlopen("libc.so.6", calls);
  readonly #socket: number;
  readonly #reading: Promise<void>;

  /** @param name a free path, or `@` and the name of an abstract socket. */
  constructor(readonly name: string) {
    const { socket, bind } = this.#library.symbols;
    this.#socket = socket(1, 2, 0);
    const bytes = new TextEncoder().encode(name);
    const abstract = name.startsWith("@");
    const address = new Uint8Array(2 + bytes.length + (abstract ? 0 : 1));
    new Uint16Array(address.buffer, 0, 1)[0] = 1;
    address.set(bytes, 2);
    if (abstract) address[2] = 0;
    if (bind(this.#socket, address, address.length) !== 0) throw new Error(`Cannot bind ${name}`);
    this.#reading = this.#read();
  }

  /** Resolves to the first message with a matching line, past or future. */
  waitForLine(line: string | RegExp, options: { readonly from?: number } = {}): Promise<string> {
    const fits = (found: string) => typeof line === "string" ? found === line : line.test(found);
    return this.messages.waitFor((text) => text.split("\n").some(fits), {
      ...options,
      what: `the line ${line}`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Ends the pending read.
    this.#library.symbols.shutdown(this.#socket, 2);
    await this.#reading;
    this.#library.symbols.close(this.#socket);
    this.#library.close();
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(4096);
    for (;;) {
      const length = Number(await this.#library.symbols.recv(this.#socket, buffer, 4096n, 0));
      if (length <= 0) return;
      this.messages.add(new TextDecoder().decode(buffer.slice(0, length)));
    }
  }
}
