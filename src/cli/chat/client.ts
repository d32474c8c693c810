/**
 * The terminal's connection to a gateway: one message at a time, kept over reconnects. A message whose
 * reply has not ended is sent again after a reconnect; the gateway knows it by its id. Used by `chat`.
 */

import { Backoff } from "../../lib/backoff.ts";
import type { Clara1GatewayFrame } from "../../protocol/clara1.ts";
import { closeSocket } from "../client/close_socket.ts";

/** Half of each delay is random, so that many terminals do not reconnect at the same moment. */
const reconnects = { firstMs: 500, maxMs: 15_000, jitter: 0.5 };

/** What a {@linkcode ChatClient} is given. */
export interface ChatClientOptions {
  readonly url: string;
  readonly secret?: string;
  readonly userName: string;
  readonly capabilities: readonly string[];
  /** Is called with every frame but those of the connection itself. */
  readonly onFrame: (frame: Clara1GatewayFrame) => void;
  /** Is called when the connection is there or lost. */
  readonly onState: (state: "connected" | "lost", detail: string) => void;
}

export class ChatClient implements AsyncDisposable {
  readonly #options: ChatClientOptions;
  readonly #nodeId = `cli-${crypto.randomUUID().slice(0, 8)}`;
  #socket?: WebSocket;
  #registered = false;
  #closed = false;
  readonly #backoff = new Backoff(reconnects);
  #timer?: ReturnType<typeof setTimeout>;
  /** The message that waits for its end. */
  #open?: { readonly request_id: string };
  /** Whether that one was cancelled; it is told again after a reconnect. */
  #cancelled = false;

  constructor(options: ChatClientOptions) {
    this.#options = options;
    this.#connect();
  }

  /** Sends a message, now or as soon as there is a connection; gives its id. */
  say(content: string): string {
    const { userName } = this.#options;
    const request_id = crypto.randomUUID();
    const message = {
      type: "message",
      request_id,
      user_id: `cli-${userName}`,
      user_name: userName,
      channel_id: `cli-${userName}`,
      channel_type: "dm",
      content,
      attachments: [],
    };
    this.#open = message;
    this.#cancelled = false;
    if (this.#registered) this.#send(message);
    return request_id;
  }

  /** Answers whether a tool may run. */
  approve(approval_id: string, approved: boolean): void {
    if (this.#registered) this.#send({ type: "approval_response", approval_id, approved });
  }

  /** Cancels the message that waits for its end. */
  cancel(): void {
    this.#cancelled = true;
    this.#sendCancel();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    if (this.#socket) await closeSocket(this.#socket);
  }

  #connect(): void {
    const socket = new WebSocket(this.#options.url);
    this.#socket = socket;
    socket.onopen = () =>
      this.#send({
        type: "register",
        platform: "cli",
        node_id: this.#nodeId,
        capabilities: this.#options.capabilities,
        protocol: 1,
        ...(this.#options.secret && { secret: this.#options.secret }),
      });
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = ({ code, reason }) => this.#lost(reason || `closed with ${code || 1006}`);
  }

  #receive(frame: Clara1GatewayFrame): void {
    if (frame.type === "registered") {
      this.#registered = true;
      this.#backoff.reset();
      this.#options.onState("connected", this.#options.url);
      if (this.#open) this.#send(this.#open);
      if (this.#cancelled) this.#sendCancel();
      return;
    }
    const over = ["response_end", "cancelled", "error"].includes(frame.type);
    if (over && "request_id" in frame && frame.request_id === this.#open?.request_id) {
      this.#open = undefined;
    }
    this.#options.onFrame(frame);
  }

  #sendCancel(): void {
    if (!this.#open || !this.#registered) return;
    this.#send({ type: "cancel", request_id: this.#open.request_id });
  }

  #lost(reason: string): void {
    if (this.#closed) return;
    this.#registered = false;
    this.#options.onState("lost", reason);
    this.#timer = setTimeout(() => this.#connect(), this.#backoff.next());
  }

  #send(frame: object): void {
    this.#socket?.send(JSON.stringify(frame));
  }
}
