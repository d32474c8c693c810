/**
 * A registered adapter that stays silent and ignores close frames. It costs one TCP connection, for
 * tests with thousands.
 */

/** The gateway refused another connection. */
export class RefusedError extends Error {
  override readonly name = "NoPlaceError";
}

export class IdleSocket implements Disposable {
  readonly #connection: Deno.TcpConn;

  /**
   * Connects, upgrades and, given a node id, registers; resolves on the gateway's answer.
   *
   * @throws {RefusedError} if the gateway does not upgrade.
   */
  static async open(
    options: { readonly hostname: string; readonly port: number; readonly nodeId?: string },
  ): Promise<IdleSocket> {
    const socket = new IdleSocket(await Deno.connect(options));
    await socket.#send(new TextEncoder().encode(
      `GET /ws HTTP/1.1\r\nhost: ${options.hostname}\r\nconnection: upgrade\r\n` +
        "upgrade: websocket\r\nsec-websocket-version: 13\r\n" +
        "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    ));
    const answer = await socket.readUntil("\r\n\r\n");
    if (!answer.startsWith("HTTP/1.1 101 ")) {
      socket[Symbol.dispose]();
      throw new RefusedError(answer);
    }
    if (options.nodeId === undefined) return socket;
    const register = { type: "register", platform: "idle", node_id: options.nodeId };
    await socket.#send(maskedText(JSON.stringify(register)));
    await socket.readUntil('"registered"');
    return socket;
  }

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }

  async #send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
  }

  /** Reads raw bytes until they contain `text`; returns everything read. */
  async readUntil(text: string): Promise<string> {
    const buffer = new Uint8Array(4096);
    let seen = "";
    while (!seen.includes(text)) {
      const count = await this.#connection.read(buffer);
      if (count === null) throw new Error(`The gateway closed the socket after ${seen}`);
      seen += new TextDecoder().decode(buffer.subarray(0, count));
    }
    return seen;
  }
}

/** Builds a client's text frame of 126 to 65,535 bytes with a zero mask. */
function maskedText(text: string): Uint8Array {
  const payload = new TextEncoder().encode(text);
  const frame = new Uint8Array(8 + payload.length);
  // Pad short texts, so that one length encoding is enough.
  if (payload.length < 126) return maskedText(text.padEnd(126));
  frame.set([0x81, 0x80 | 126, payload.length >> 8, payload.length & 255]);
  frame.set(payload, 8);
  return frame;
}
