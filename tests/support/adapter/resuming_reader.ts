/**
 * An adapter that reads over several connections, taking its session up again each time. Tests of
 * resume look at all numbered frames that it has seen.
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

  /** Connects through a relay, resuming where there is something to resume. */
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

  /** Connects with a session that must not go on; the client is in a new one. */
  async refused(url: string, resume = this.position): Promise<AdapterClient> {
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

  /** Says what has arrived so far. */
  acknowledge(client: AdapterClient): void {
    client.send({ type: "ack", seq: this.lastSeq });
  }

  /** Takes what a connection has brought, and closes it as a broken network does. */
  async drop(client: AdapterClient): Promise<void> {
    await client.drop();
    await this.close(client);
  }

  /** Takes what a connection has brought, and closes it. */
  async close(client: AdapterClient): Promise<void> {
    this.take(client);
    await client.close();
  }

  /** Takes what a connection has brought. */
  take(client: AdapterClient): void {
    this.frames.push(...client.frames.filter(({ seq }) => seq !== undefined));
  }

  /** Every number from 1 on has come exactly once, in order. */
  assertWhole(): void {
    const numbers = this.frames.map(({ seq }) => seq);
    assert.deepEqual(numbers, this.frames.map((_, index) => index + 1));
  }

  framesOf(requestId: string): readonly ReceivedFrame[] {
    return this.frames.filter(({ request_id }) => request_id === requestId);
  }

  /** How often a request has ended. */
  endsOf(requestId: string): number {
    return this.framesOf(requestId).filter(isTerminal).length;
  }

  /** All chunks joined. */
  get text(): string {
    return this.frames.filter(({ type }) => type === "response_chunk")
      .map(({ content }) => content).join("");
  }
}
