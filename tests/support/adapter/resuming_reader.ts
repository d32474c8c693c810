/**
 * An adapter that reads over several connections, resuming its session each time, and collects all
 * numbered frames.
 */

import assert from "node:assert/strict";
import { AdapterClient } from "./client.ts";
import { isTerminal, type ReceivedFrame } from "./received_frame.ts";

const capabilities = ["streaming", "resume"];

export class ResumingReader {
  readonly frames: ReceivedFrame[] = [];
  readonly nodeId: string;
  sessionId?: string;

  constructor(nodeId = "adapter-1") {
    this.nodeId = nodeId;
  }

  get lastSeq(): number {
    return Number(this.frames.at(-1)?.seq ?? 0);
  }

  /** Connects through a relay, resuming the session if there is one. */
  async connect(
    url: string,
    { lastSeq = this.lastSeq }: { readonly lastSeq?: number } = {},
  ): Promise<AdapterClient> {
    const { nodeId, sessionId } = this;
    const resume = sessionId ? { sessionId, lastSeq } : undefined;
    const client = await AdapterClient.connect({ url, nodeId, capabilities, relay: true, resume });
    assert.equal(client.registered.resumed, resume !== undefined);
    this.sessionId = client.registered.session_id;
    return client;
  }

  /**
   * Tries to resume a session that the gateway must refuse; returns the client in its new session.
   */
  async resumeRefused(url: string, resume = this.position): Promise<AdapterClient> {
    const client = await AdapterClient.connectRaw(url, { relay: true });
    client.register({ nodeId: this.nodeId, capabilities, resume });
    const error = await client.waitFor(({ type }) => type === "error");
    assert.equal(error.code, "invalid_session");
    const registered = await client.waitFor(({ type }) => type === "registered");
    assert.equal(registered.resumed, false);
    assert.notEqual(registered.session_id, resume.sessionId);
    return client;
  }

  get position(): { readonly sessionId: string; readonly lastSeq: number } {
    return { sessionId: this.sessionId!, lastSeq: this.lastSeq };
  }

  /** Acknowledges everything received so far. */
  acknowledge(client: AdapterClient): void {
    client.send({ type: "ack", seq: this.lastSeq });
  }

  /** Collects a connection's frames and breaks it like a network failure. */
  async drop(client: AdapterClient): Promise<void> {
    await client.drop();
    await this.close(client);
  }

  /** Collects a connection's frames and closes it. */
  async close(client: AdapterClient): Promise<void> {
    this.collect(client);
    await client.close();
  }

  /** Collects a connection's frames. */
  collect(client: AdapterClient): void {
    this.frames.push(...client.frames.filter(({ seq }) => seq !== undefined));
  }

  /** Asserts that every number from 1 on arrived exactly once, in order. */
  assertComplete(): void {
    const numbers = this.frames.map(({ seq }) => seq);
    assert.deepEqual(numbers, this.frames.map((_, index) => index + 1));
  }

  framesOf(requestId: string): readonly ReceivedFrame[] {
    return this.frames.filter(({ request_id }) => request_id === requestId);
  }

  /** How often a request has ended. */
  countEnds(requestId: string): number {
    return this.framesOf(requestId).filter(isTerminal).length;
  }

  /** All chunks, joined. */
  get text(): string {
    return this.frames.filter(({ type }) => type === "response_chunk")
      .map(({ content }) => content).join("");
  }
}
