/**
 * An adapter that keeps several messages in flight, cancels some, and reconnects whenever its
 * connection or the gateway goes down. It keeps every connection's frames for the checker.
 */

import type { Dialect } from "../../../src/domain/message.ts";
import { AdapterClient } from "../adapter/client.ts";
import { within } from "../deadline.ts";
import { loadKinds, type LoadRequest, loadText } from "./script.ts";
import type { Random } from "../random.ts";
import { isTerminal, type ReceivedFrame } from "../adapter/received_frame.ts";
import type { SupervisedGateway } from "../process/supervised_gateway.ts";
import type { Counter } from "./counter.ts";

/** Options of a {@linkcode LoadAdapter}. */
export interface LoadAdapterOptions {
  readonly nodeId: string;
  readonly platform: string;
  readonly dialect: Dialect;
  /** Whether it resumes its session after a lost connection. */
  readonly resumes: boolean;
  readonly channels: readonly string[];
  readonly gateway: SupervisedGateway;
  readonly random: Random;
  /** Counts frames received. */
  readonly frames: Counter;
  /** Counts tool starts. */
  readonly tools: Counter;
  /** Frames out of ten thousand after which the connection breaks. Default: 0. */
  readonly drops?: number;
}

/** A connection, how often each message was sent on it, and which messages were new. */
export interface LoadConnection {
  readonly client: AdapterClient;
  readonly sendCounts: Map<string, number>;
  readonly newRequests: Set<string>;
}

/** Messages in flight at once. */
const maxInFlight = 3;

export class LoadAdapter {
  readonly options: LoadAdapterOptions;
  readonly connections: LoadConnection[] = [];
  /** All messages ever sent, in order. */
  readonly requests: LoadRequest[] = [];
  readonly #unanswered = new Map<string, LoadRequest>();
  #finishing = false;
  #session?: { readonly sessionId: string; lastSeq: number };

  constructor(options: LoadAdapterOptions) {
    this.options = options;
  }

  /** Stops sending new messages. */
  finish(): void {
    this.#finishing = true;
  }

  /** Sends messages until told to finish and all are answered. */
  async run(): Promise<void> {
    while (!this.#finishing || this.#unanswered.size > 0) {
      const gateway = await this.options.gateway.listening();
      const connection = await this.#connect(gateway.url);
      // A gateway that refuses connections is about to exit.
      if (!connection) await within(gateway.exited, { what: "the end of a gateway" });
      else await this.#converse(connection);
    }
  }

  async #connect(url: string): Promise<LoadConnection | undefined> {
    const { nodeId, platform, dialect, resumes, drops = 0 } = this.options;
    let client: AdapterClient;
    try {
      client = await AdapterClient.connectRaw(url, { dialect, relay: drops > 0 });
    } catch {
      return undefined;
    }
    const connection: LoadConnection = { client, sendCounts: new Map(), newRequests: new Set() };
    this.connections.push(connection);
    const capabilities = resumes ? ["streaming", "resume"] : ["streaming"];
    client.register({ nodeId, platform, capabilities, resume: this.#session });
    return connection;
  }

  /** Runs until all messages are answered or the connection is lost. */
  async #converse(connection: LoadConnection): Promise<void> {
    const { client } = connection;
    try {
      const { session_id: sessionId } = await client.waitFor(({ type }) => type === "registered");
      const resumed = this.#session?.sessionId === sessionId;
      if (this.options.resumes && !resumed) this.#session = { sessionId: sessionId!, lastSeq: 0 };
      // Missed frames arrive before the pong, so fewer messages that are on their way are resent.
      client.send({ type: "ping" });
      for (let index = 0, greeted = false; !this.#finishing || this.#unanswered.size > 0; index++) {
        const frame = await client.waitFor(() => true, { from: index, timeoutMs: 60_000 });
        this.#receive(client, frame);
        if (frame.type === "pong") {
          greeted = true;
          this.#resendUnanswered(connection);
        }
        if (greeted) this.#sendMore(connection);
        if (this.options.random.below(10_000) < (this.options.drops ?? 0)) await client.drop();
      }
      await client.ping();
      this.#acknowledge(client);
      await client.ping();
    } catch (error) {
      if (!/the socket was closed/.test(String(error))) throw error;
    }
    // The checker reports frame violations.
    await client.close().catch((error) => {
      if (client.violations.length === 0) throw error;
    });
  }

  #receive(client: AdapterClient, frame: ReceivedFrame): void {
    const { frames, tools, random } = this.options;
    frames.add();
    if (this.#session && frame.seq !== undefined) this.#session.lastSeq = frame.seq;
    const request = this.#unanswered.get(frame.request_id ?? "");
    if (!request) return;
    if (frame.type === "tool_start" || frame.status === "running") tools.add();
    if (request.kind === "cancel" && frame.type === "response_chunk" && random.chance(50)) {
      client.cancel(request.requestId);
    }
    // An answer to a late cancel does not end the request.
    if (!isTerminal(frame) || frame.code === "not_found") return;
    this.#unanswered.delete(request.requestId);
    if (random.chance(60)) this.#acknowledge(client);
  }

  #acknowledge(client: AdapterClient): void {
    if (this.#session) client.send({ type: "ack", seq: this.#session.lastSeq });
  }

  #resendUnanswered({ client, sendCounts }: LoadConnection): void {
    for (const request of this.#unanswered.values()) {
      const { requestId, channelId } = request;
      sendCounts.set(requestId, (sendCounts.get(requestId) ?? 0) + 1);
      client.resend(loadText(request), { requestId, channelId });
    }
  }

  #sendMore({ client, sendCounts, newRequests }: LoadConnection): void {
    const { nodeId, channels, random } = this.options;
    while (!this.#finishing && this.#unanswered.size < maxInFlight) {
      const request: LoadRequest = {
        requestId: `${nodeId}-${this.requests.length}`,
        channelId: random.pick(channels),
        kind: random.chance(70) ? "plain" : random.pick(loadKinds),
        chunks: 1 + random.below(8),
      };
      this.requests.push(request);
      this.#unanswered.set(request.requestId, request);
      newRequests.add(request.requestId);
      sendCounts.set(request.requestId, 1);
      const { requestId, channelId } = request;
      client.say(loadText(request), { requestId, channelId });
      // A duplicate, as an unreliable network sends it.
      if (random.chance(3)) {
        sendCounts.set(requestId, 2);
        client.resend(loadText(request), { requestId, channelId });
      }
    }
  }
}
