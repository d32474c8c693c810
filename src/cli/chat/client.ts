/**
 * The terminal's connection to the gateway. It reconnects, and then sends an unanswered message again;
 * the gateway recognizes it by its id.
 */

import { Backoff } from "../../lib/backoff.ts";
import type { Clara1GatewayFrame } from "../../protocol/clara1.ts";
import { closeSocket } from "../client/websocket.ts";

/** Half of each delay is random, so that many terminals do not reconnect at the same moment. */
const reconnects = { firstMs: 500, maxMs: 15_000, jitter: 0.5 };

/** Options of a {@linkcode ChatClient}. */
export interface ChatClientOptions {
  readonly url: string;
  readonly secret?: string;
  readonly userName: string;
  readonly capabilities: readonly string[];
  /** Called with every frame except those that manage the connection. */
  readonly onFrame: (frame: Clara1GatewayFrame) => void;
  /** Called when the connection is established or lost. */
  readonly onState: (state: "connected" | "lost", detail: string) => void;
}

export class ChatClient implements AsyncDisposable {
  readonly #options: ChatClientOptions;
  readonly #nodeId = `cli-${crypto.randomUUID().slice(0, 8)}`;
  readonly #backoff = new Backoff(reconnects);
  #socket?: WebSocket;
  #registered = false;
  #closed = false;
  #reconnectTimer?: ReturnType<typeof setTimeout>;
  /** The message that has not been answered yet. */
  #pending?: { readonly request_id: string };
  /** Whether it was cancelled, which is repeated after a reconnect. */
  #cancelled = false;

  constructor(options: ChatClientOptions) {
    this.#options = options;
    this.#connect();
  }

  /** Sends a message, now or once connected; returns its request id. */
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
    this.#pending = message;
    this.#cancelled = false;
    if (this.#registered) this.#send(message);
    return request_id;
  }

  /** Answers an approval request. */
  approve(approval_id: string, approved: boolean): void {
    if (this.#registered) this.#send({ type: "approval_response", approval_id, approved });
  }

  /** Cancels the pending message. */
  cancel(): void {
    this.#cancelled = true;
    this.#sendCancel();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#reconnectTimer);
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
    socket.onclose = ({ code, reason }) => this.#onClose(reason || `closed with ${code || 1006}`);
  }

  #receive(frame: Clara1GatewayFrame): void {
    if (frame.type === "registered") {
      this.#registered = true;
      this.#backoff.reset();
      this.#options.onState("connected", this.#options.url);
      if (this.#pending) this.#send(this.#pending);
      if (this.#cancelled) this.#sendCancel();
      return;
    }
    const final = ["response_end", "cancelled", "error"].includes(frame.type);
    if (final && "request_id" in frame && frame.request_id === this.#pending?.request_id) {
      this.#pending = undefined;
    }
    this.#options.onFrame(frame);
  }

  #sendCancel(): void {
    if (!this.#pending || !this.#registered) return;
    this.#send({ type: "cancel", request_id: this.#pending.request_id });
  }

  #onClose(reason: string): void {
    if (this.#closed) return;
    this.#registered = false;
    this.#options.onState("lost", reason);
    this.#reconnectTimer = setTimeout(() => this.#connect(), this.#backoff.next());
  }

  #send(frame: object): void {
    this.#socket?.send(JSON.stringify(frame));
  }
}
