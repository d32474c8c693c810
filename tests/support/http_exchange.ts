/**
 * One HTTP request and its response, directly on TCP. Tests control when headers are sent and where
 * the connection breaks, and notice at once that the client has left; Deno's own server reports
 * that late or never, depending on the version.
 */

/** One exchange, on a connection of its own. */
export class HttpExchange {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  /** The request's body. */
  readonly body: string;
  readonly #connection: Deno.TcpConn;
  readonly #left = new AbortController();
  #written: Promise<void> = Promise.resolve();
  #chunked = false;
  #ended = false;

  /** Reads the request of a new connection; returns undefined if the client leaves first. */
  static async read(connection: Deno.TcpConn): Promise<HttpExchange | undefined> {
    let bytes = new Uint8Array();
    const more = async () => {
      const buffer = new Uint8Array(1 << 20);
      const count = await connection.read(buffer).catch(() => null);
      if (count === null) return false;
      const longer = new Uint8Array(bytes.length + count);
      longer.set(bytes);
      longer.set(buffer.subarray(0, count), bytes.length);
      bytes = longer;
      return true;
    };
    let end: number;
    while ((end = indexOfBody(bytes)) < 0) if (!await more()) return undefined;
    const head = new TextDecoder().decode(bytes.subarray(0, end)).trimEnd().split("\r\n");
    const fields = head.slice(1).map((line) => /^([^:]+): *(.*)$/.exec(line)!.slice(1));
    const headers = new Headers(fields as [string, string][]);
    const length = Number(headers.get("content-length") ?? 0);
    while (bytes.length < end + length) if (!await more()) return undefined;
    const body = new TextDecoder().decode(bytes.subarray(end, end + length));
    return new HttpExchange(connection, { start: head[0]!, headers, body });
  }

  private constructor(
    connection: Deno.TcpConn,
    { start, headers, body }: {
      readonly start: string;
      readonly headers: Headers;
      readonly body: string;
    },
  ) {
    const [method = "", path = ""] = start.split(" ");
    this.method = method;
    this.path = path;
    this.headers = headers;
    this.body = body;
    this.#connection = connection;
    this.#watch();
  }

  /** Aborted if the client leaves, or the connection breaks, before the end of the response. */
  get clientLeft(): AbortSignal {
    return this.#left.signal;
  }

  /** Sends a complete response. */
  async send(status: number, headers: Readonly<Record<string, string>>, body: string) {
    const bytes = new TextEncoder().encode(body);
    this.#head(status, { ...headers, "content-length": String(bytes.length) });
    this.#write(bytes);
    await this.#close();
  }

  /** Sends the headers of a streamed response. */
  start(status: number, headers: Readonly<Record<string, string>>): void {
    this.#chunked = true;
    this.#head(status, { ...headers, "transfer-encoding": "chunked" });
  }

  /** Sends a piece of a streamed response in its own packet. */
  write(data: string | Uint8Array): void {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    if (bytes.length === 0) return;
    this.#write(`${bytes.length.toString(16)}\r\n`);
    this.#write(bytes);
    this.#write("\r\n");
  }

  /** Ends a streamed response properly. */
  async end(): Promise<void> {
    if (this.#chunked) this.#write("0\r\n\r\n");
    await this.#close();
  }

  /** Breaks the connection after sending what was already written. */
  async break(): Promise<void> {
    await this.#written;
    this.#shut();
  }

  #head(status: number, headers: Readonly<Record<string, string>>): void {
    const fields = Object.entries({ ...headers, connection: "close" })
      .map(([name, value]) => `${name}: ${value}\r\n`);
    this.#write(`HTTP/1.1 ${status} Scripted\r\n${fields.join("")}\r\n`);
  }

  /** Writes in order; if the client has left, aborts `left`. */
  #write(data: string | Uint8Array): void {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    this.#written = this.#written.then(async () => {
      for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
    }).catch(() => this.#shut());
  }

  async #close(): Promise<void> {
    await this.#written;
    this.#ended = true;
    this.#shut();
  }

  /** The client sends nothing after its request, so this read ends when it leaves. */
  async #watch(): Promise<void> {
    const buffer = new Uint8Array(1024);
    while (await this.#connection.read(buffer).catch(() => null) !== null);
    this.#shut();
  }

  #shut(): void {
    try {
      this.#connection.close();
    } catch { /* closed already */ }
    if (!this.#ended) this.#left.abort(new Error("the client has left"));
  }
}

function indexOfBody(bytes: Uint8Array): number {
  for (let at = 3; at < bytes.length; at++) {
    const found = bytes[at] === 10 && bytes[at - 1] === 13 && bytes[at - 2] === 10 &&
      bytes[at - 3] === 13;
    if (found) return at + 1;
  }
  return -1;
}
