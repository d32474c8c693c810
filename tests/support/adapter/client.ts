/**
 * A minimal adapter for tests, and the reference implementation of one: opens a WebSocket,
 * registers, speaks either dialect, records every frame and rejects malformed ones.
 */

import type { Dialect } from "../../../src/domain/message.ts";
import {
  type ConnectOptions,
  registerFrame,
  type RegisterOptions,
  type SocketOptions,
} from "./connect_options.ts";
import { within } from "../deadline.ts";
import { FrameCheck } from "./frame_check.ts";
import { messageFrame, type MessageOptions } from "./message_frame.ts";
import {
  isTerminal,
  type ReceivedFrame,
  type ReceivedReply,
  textOfChunks,
} from "./received_frame.ts";
import { AwaitableList, type WaitOptions } from "../awaitable_list.ts";
import { TcpRelay } from "../tcp_relay.ts";

/** How a WebSocket closed. */
export interface CloseReason {
  readonly code: number;
  readonly reason: string;
}

/** One adapter connection. */
export class AdapterClient implements AsyncDisposable {
  /** Protocol violations by the gateway; if there are any, `close()` throws. */
  readonly violations: string[] = [];
  /** Resolves when the socket has closed. */
  readonly closed: Promise<CloseReason>;
  readonly dialect: Dialect;
  /** The relay, if the client connects through one. */
  readonly relay?: TcpRelay;
  readonly #socket: WebSocket;
  readonly #check: FrameCheck;
  readonly #recorded = new AwaitableList<ReceivedFrame>();

  /** Opens a socket and registers; if the gateway refuses, rejects with its error message. */
  static async connect(options: ConnectOptions): Promise<AdapterClient> {
    const client = await AdapterClient.connectRaw(options.url, options);
    try {
      client.register(options);
      const answer = await client.waitFor(({ type }) => type === "registered" || type === "error");
      if (answer.type !== "error") return client;
      throw new Error(`Cannot register: ${answer.code}: ${answer.message}`);
    } catch (error) {
      await client.#end();
      throw error;
    }
  }

  /** Opens a socket without sending anything. */
  static async connectRaw(url: string, options: SocketOptions = {}): Promise<AdapterClient> {
    const target = new URL(url);
    let relay: TcpRelay | undefined;
    if (options.relay || options.headers) {
      const { hostname, port } = target;
      relay = new TcpRelay({ hostname, port: Number(port), headers: options.headers });
      target.host = `127.0.0.1:${relay.port}`;
    }
    const client = new AdapterClient(new WebSocket(target), { ...options, relay });
    try {
      await within(client.#opened(), { what: `a socket to ${url}` });
    } catch (error) {
      await client.#end();
      throw error;
    }
    return client;
  }

  private constructor(
    socket: WebSocket,
    options: { readonly dialect?: Dialect; readonly relay?: TcpRelay },
  ) {
    this.dialect = options.dialect ?? "clara-1";
    this.relay = options.relay;
    this.#check = new FrameCheck(this.dialect);
    this.#socket = socket;
    const { promise, resolve } = Promise.withResolvers<CloseReason>();
    this.closed = promise;
    socket.addEventListener("message", ({ data }) => this.#receive(data));
    socket.addEventListener("close", ({ code: found, reason }) => {
      // Deno 2.4 reports 0 instead of 1006.
      const code = found || 1006;
      this.#recorded.end(`the socket was closed with ${code} "${reason}"`);
      resolve({ code, reason });
    });
  }

  /** All frames so far, in order of arrival. */
  get frames(): readonly ReceivedFrame[] {
    return this.#recorded.items;
  }

  /** The gateway's answer to `register`. */
  get registered(): ReceivedFrame {
    const frame = this.frames.find(({ type }) => type === "registered");
    if (!frame) throw new Error("The client has not registered");
    return frame;
  }

  /** The `resume` option for the next connection. */
  get position(): { readonly sessionId: string; readonly lastSeq: number } {
    return { sessionId: this.registered.session_id!, lastSeq: this.#check.lastSeq };
  }

  /** Sends `register`, as `connect` does. */
  register(options: RegisterOptions = {}): void {
    this.send(registerFrame({ ...options, dialect: this.dialect }));
  }

  /** Sends a frame. */
  send(frame: object): void {
    this.sendText(JSON.stringify(frame));
  }

  /** Sends raw text or bytes, valid or not. */
  sendText(text: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(text);
  }

  /** Sends a message in the client's dialect and returns its request id. */
  say(content: string, options: MessageOptions = {}): string {
    const requestId = options.requestId ?? crypto.randomUUID();
    this.#check.sent(requestId);
    this.send(messageFrame(content, { ...options, dialect: this.dialect, requestId }));
    return requestId;
  }

  /** Sends a message again; its reply may already be on its way. */
  resend(content: string, options: MessageOptions & { readonly requestId: string }): void {
    this.#check.repeated(options.requestId);
    this.send(messageFrame(content, { ...options, dialect: this.dialect }));
  }

  /** Cancels a request by id, or all requests of a channel. */
  cancel(what: string | { readonly channelId: string }, reason?: string): void {
    const target = typeof what === "string" ? { request_id: what } : { channel_id: what.channelId };
    this.send({ type: "cancel", ...target, ...(reason !== undefined && { reason }) });
  }

  /** Sends an application ping and returns the pong. */
  ping(): Promise<ReceivedFrame> {
    const from = this.frames.length;
    this.send({ type: "ping", timestamp: new Date().toISOString() });
    return this.waitFor(({ type }) => type === "pong", { from, what: "a pong" });
  }

  /** Resolves to the first frame from index `from` on that matches, past or future. */
  waitFor(
    predicate: (frame: ReceivedFrame) => boolean,
    options: WaitOptions = {},
  ): Promise<ReceivedFrame> {
    return this.#recorded.waitFor(predicate, { what: "a frame", ...options });
  }

  /** All frames of a request so far. */
  framesOf(requestId: string): readonly ReceivedFrame[] {
    return this.frames.filter(({ request_id }) => request_id === requestId);
  }

  /** Resolves to the first proactive message from frame `from` on. */
  proactive(options: WaitOptions = {}): Promise<ReceivedFrame> {
    const what = "a proactive message";
    return this.waitFor(({ type }) => type === "proactive_message", { what, ...options });
  }

  /** Resolves when the request ends, looking at frames from `from` on. */
  async replyTo(requestId: string, options: WaitOptions = {}): Promise<ReceivedReply> {
    const what = `the end of request ${requestId}`;
    const isEnd = (frame: ReceivedFrame) => frame.request_id === requestId && isTerminal(frame);
    const terminal = await this.waitFor(isEnd, { what, ...options });
    const frames = this.frames.slice(options.from ?? 0, this.frames.indexOf(terminal) + 1)
      .filter(({ request_id }) => request_id === requestId);
    return { frames, text: textOfChunks(frames), terminal };
  }

  /** Breaks the connection without a close frame, like a network failure. Needs `relay: true`. */
  async drop(): Promise<void> {
    if (!this.relay) throw new Error("Cannot drop the connection: connect with relay: true");
    this.relay.cut();
    await within(this.closed, { what: "the end of a dropped socket" });
  }

  /**
   * Closes the socket.
   *
   * @throws {Error} if the gateway has violated the protocol.
   */
  async close(): Promise<void> {
    await this.#end();
    if (this.violations.length === 0) return;
    const list = this.violations.join("\n  ");
    throw new Error(`The gateway broke the protocol ${this.dialect}:\n  ${list}`);
  }

  /** Same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(): Promise<void> {
    this.relay?.flow();
    this.#socket.close();
    try {
      await within(this.closed, { timeoutMs: 5000, what: "the gateway's close frame" });
    } finally {
      await this.relay?.[Symbol.asyncDispose]();
    }
  }

  async #opened(): Promise<void> {
    const open = Promise.withResolvers<void>();
    this.#socket.addEventListener("open", () => open.resolve());
    this.closed.then(({ code, reason }) =>
      open.reject(new Error(`The socket was refused: ${code} "${reason}"`))
    );
    await open.promise;
  }

  #receive(data: unknown): void {
    const at = performance.now();
    try {
      const frame = JSON.parse(String(data));
      const violation = this.#check.violation(frame);
      if (violation) this.violations.push(violation);
      this.#recorded.add({ ...frame, at });
    } catch (error) {
      this.violations.push(`${(error as Error).message}: ${String(data).slice(0, 200)}`);
    }
  }
}
