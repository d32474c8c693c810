/**
 * A TCP relay that simulates an unreliable network: it drops, stalls, splits or half-closes
 * connections.
 */

/** Which bytes a stall holds back. */
export type StallDirection = "to-client" | "to-server" | "both";

/** Options of a {@linkcode TcpRelay}. */
export interface TcpRelayOptions {
  readonly hostname: string;
  readonly port: number;
  /** Headers set in the first request of each connection (Deno 2.4 cannot set a WebSocket's). */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The relay; listens on a free loopback port. */
export class TcpRelay implements AsyncDisposable {
  readonly port: number;
  readonly #options: TcpRelayOptions;
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Deno.TcpConn>();
  readonly #servers = new Set<Deno.TcpConn>();
  readonly #running: Promise<void>[] = [];
  #pieceBytes = Infinity;
  #stalled?: { readonly direction: StallDirection; readonly over: PromiseWithResolvers<void> };

  constructor(options: TcpRelayOptions) {
    this.#options = options;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#running.push(this.#accept());
  }

  /** Holds all bytes back, keeping connections open, until `flow()`. */
  stall(direction: StallDirection = "both"): void {
    this.flow();
    this.#stalled = { direction, over: Promise.withResolvers() };
  }

  /** Lets the bytes flow again. */
  flow(): void {
    this.#stalled?.over.resolve();
    this.#stalled = undefined;
  }

  /** Forwards bytes in pieces of this size from now on, each in its own packet. */
  split(pieceBytes: number): void {
    this.#pieceBytes = pieceBytes;
  }

  /** Half-closes the connections to the server; its data still arrives. */
  async halfClose(): Promise<void> {
    const servers = [...this.#servers];
    await Promise.all(servers.map((server) => server.closeWrite()));
  }

  /** Closes all connections at once, without a close frame to either side. */
  cut(): void {
    for (const connection of this.#open) close(connection);
    this.#open.clear();
    this.#servers.clear();
    this.flow();
  }

  /** Cuts all connections and stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    close(this.#listener);
    this.cut();
    await Promise.all(this.#running);
  }

  async #accept(): Promise<void> {
    try {
      for await (const client of this.#listener) this.#running.push(this.#relay(client));
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  async #relay(client: Deno.TcpConn): Promise<void> {
    this.#open.add(client);
    try {
      const server = await Deno.connect(this.#options);
      this.#open.add(server);
      this.#servers.add(server);
      server.setNoDelay(true);
      client.setNoDelay(true);
      await Promise.all([
        this.#pump(client, server, "to-server"),
        this.#pump(server, client, "to-client"),
      ]);
    } catch (error) {
      // The server is down: the client's connection closes.
      if (!isGone(error)) throw error;
    } finally {
      close(client);
    }
  }

  async #pump(
    from: Deno.TcpConn,
    to: Deno.TcpConn,
    direction: Exclude<StallDirection, "both">,
  ): Promise<void> {
    const buffer = new Uint8Array(65536);
    let head = direction === "to-server" ? "" : undefined;
    try {
      for (;;) {
        await this.#clear(direction);
        const count = await from.read(buffer);
        if (count === null) break;
        // Also hold back bytes that were in flight when the stall began.
        await this.#clear(direction);
        let bytes = buffer.subarray(0, count);
        if (head !== undefined) {
          head += latin1.decode(bytes);
          if (!head.includes("\r\n\r\n")) continue;
          bytes = this.#withHeaders(head);
          head = undefined;
        }
        for (let at = 0; at < bytes.length;) {
          at += await to.write(bytes.subarray(at, at + this.#pieceBytes));
        }
      }
    } catch (error) {
      if (!isGone(error)) throw error;
    } finally {
      close(from);
      close(to);
    }
  }

  async #clear(direction: Exclude<StallDirection, "both">): Promise<void> {
    while (this.#stalled && [direction, "both"].includes(this.#stalled.direction)) {
      await this.#stalled.over.promise;
    }
  }

  #withHeaders(text: string): Uint8Array<ArrayBuffer> {
    const given = Object.entries(this.#options.headers ?? {});
    const end = text.indexOf("\r\n\r\n");
    const names = given.map(([name]) => name.toLowerCase());
    const kept = text.slice(0, end).split("\r\n")
      .filter((line) => !names.includes(line.split(":")[0]!.toLowerCase()));
    const lines = [...kept, ...given.map(([name, value]) => `${name}: ${value}`)];
    const whole = lines.join("\r\n") + text.slice(end);
    return Uint8Array.from(whole, (character) => character.charCodeAt(0));
  }
}

/** Maps bytes to characters and back, whatever follows the head. */
const latin1 = { decode: (bytes: Uint8Array) => String.fromCharCode(...bytes) };

function close(resource: Deno.TcpConn | Deno.TcpListener): void {
  try {
    resource.close();
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function isGone(error: unknown): boolean {
  const { BadResource, Interrupted, ConnectionReset, BrokenPipe, ConnectionRefused } = Deno.errors;
  return [BadResource, Interrupted, ConnectionReset, BrokenPipe, ConnectionRefused]
    .some((kind) => error instanceof kind);
}
