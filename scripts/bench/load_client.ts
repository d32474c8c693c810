/** An adapter that sends one message after the other and times each turn. */

import { now } from "./load.ts";

type Frame = Readonly<Record<string, unknown>>;

export class LoadClient implements Disposable {
  readonly #socket: WebSocket;
  readonly #name: string;
  #turn = 0;
  #onFrame: (frame: Frame, arrivedAt: number) => void = () => {};
  #onClose: (error: Error) => void = () => {};

  static async connect(url: string, name: string): Promise<LoadClient> {
    const socket = new WebSocket(url);
    const client = new LoadClient(socket, name);
    await new Promise<void>((resolve, reject) => {
      client.#onClose = reject;
      client.#onFrame = () => resolve();
      socket.onopen = () =>
        client.#send({
          type: "register",
          platform: "bench",
          node_id: name,
          capabilities: ["streaming"],
        });
    });
    return client;
  }

  private constructor(socket: WebSocket, name: string) {
    this.#socket = socket;
    this.#name = name;
    socket.onmessage = ({ data }) => {
      const arrivedAt = now();
      this.#onFrame(JSON.parse(data), arrivedAt);
    };
    socket.onclose = ({ code }) =>
      this.#onClose(new Error(`The gateway closed a socket with ${code}`));
  }

  /**
   * Sends a message and resolves with the end of the reply; each piece of text is reported before.
   */
  say(
    channelId: string,
    content: string,
    onText: (text: string, arrivedAt: number) => void = () => {},
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onClose = reject;
      this.#onFrame = (frame, arrivedAt) => {
        if (frame.type === "response_chunk" && frame.content) onText(`${frame.content}`, arrivedAt);
        else if (frame.type === "response_end") resolve();
        else if (frame.type === "error") reject(new Error(JSON.stringify(frame)));
      };
      this.#message(channelId, content);
    });
  }

  /**
   * Sends the same message several times in a channel; returns the milliseconds of each turn but
   * the first ones.
   */
  async turns(channelId: string, count: number, content: string): Promise<readonly number[]> {
    const times: number[] = [];
    const warmUp = Math.ceil(count / 5);
    for (let turn = -warmUp; turn < count; turn++) {
      const startedAt = performance.now();
      await this.say(channelId, content);
      if (turn >= 0) times.push(performance.now() - startedAt);
    }
    return times;
  }

  /** Fills a channel's queue with this many long messages. */
  async fillQueue(channelId: string, count: number): Promise<void> {
    const long = "word ".repeat(200_000);
    // The first runs for the whole measurement, so the others stay queued.
    this.#message(channelId, long);
    let queued = 0;
    await new Promise<void>((resolve) => {
      this.#onFrame = ({ type, state }) => {
        if (type === "status" && state === "queued" && ++queued >= count) resolve();
      };
      for (let number = 0; number < count; number++) this.#message(channelId, "wait");
      if (count === 0) resolve();
    });
    this.#onFrame = () => {};
  }

  [Symbol.dispose](): void {
    this.#socket.onclose = null;
    this.#socket.close();
  }

  #message(channelId: string, content: string): void {
    this.#send({
      type: "message",
      request_id: `${this.#name}-${this.#turn++}`,
      user_id: "user",
      channel_id: channelId,
      content,
      attachments: [],
    });
  }

  #send(frame: object): void {
    this.#socket.send(JSON.stringify(frame));
  }
}
