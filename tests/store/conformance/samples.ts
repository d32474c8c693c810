/** Sample requests, sessions and outcomes for tests of the store. */

import type { UserMessage } from "../../../src/domain/message.ts";
import type { Conversation } from "../../../src/domain/keys.ts";
import type { NewHistoryEntry } from "../../../src/store/history_store.ts";
import type { ClaimedRequest, Outcome } from "../../../src/domain/request.ts";
import type { NewRequest } from "../../../src/store/request_store.ts";
import type { SessionStore } from "../../../src/store/session_store.ts";
import type { Store } from "../../../src/store/store.ts";

/** A message with every kind of field. */
export function message(requestId: string, fields: Partial<UserMessage> = {}): UserMessage {
  return {
    dialect: "clara-1",
    requestId,
    user: { id: "user-1", name: "Ada" },
    channel: { id: "channel-1", type: "dm", threadId: "thread-1" },
    content: "Hello 'Clara' \u{1F600} $(x)\n\u0000",
    attachments: [{ type: "text", filename: "a.txt", text: "é" }],
    replyChain: [{ role: "assistant", content: "before" }],
    priority: "normal",
    overlap: "queue",
    metadata: { deep: { list: [1, null, true] } },
    ...fields,
  };
}

/** A message to accept from node-1 in channel-1, at time 1000. */
export function request(requestId: string, fields: Partial<NewRequest> = {}): NewRequest {
  const { message: sent = message(requestId) } = fields;
  const text = JSON.stringify(sent);
  return {
    nodeId: "node-1",
    platform: "test",
    channelKey: "channel-1",
    digest: `digest of ${requestId}`,
    message: sent,
    serialized: { text, bytes: new TextEncoder().encode(text).length },
    hasCapacity: true,
    now: 1000,
    ...fields,
  };
}

/** A reply with every kind of field. */
export const reply: Outcome = {
  type: "reply",
  tier: "high",
  text: "Hi 'there'\n\u{1F600}",
  files: [{ filename: "b.txt", base64: "Yg==", mediaType: "text/plain" }],
  toolCount: 2,
  usage: { inputTokens: 3, outputTokens: 4 },
  model: "model-1",
  finishReason: "stop",
};

/** A result of a tool. */
export const toolResult = { content: "42", isError: false, files: [], durationMs: 5 } as const;

/** Outside any thread. */
export const conversation: Conversation = { channelKey: "channel-1", threadId: "" };

/** Accepts a message and returns its sequence number. */
export async function accepted(store: Store, given: NewRequest): Promise<number> {
  const acceptance = await store.requests.accept(given);
  if (acceptance.type !== "accepted") throw new Error(`Not accepted: ${acceptance.type}`);
  return acceptance.request.seq;
}

/** Claims an unfinished request. */
export async function claimed(store: Store, seq: number, owner = "me"): Promise<ClaimedRequest> {
  const request = await store.requests.claim(seq, { owner, now: 2000, idleBefore: 0 });
  if (!request) throw new Error(`Request ${seq} is done`);
  return request;
}

/** Options of `sessions.open` for user-1 outside a thread, at time 1000. */
export function sessionOf(
  id: string,
  fields: Partial<Parameters<SessionStore["open"]>[0]> = {},
): Parameters<SessionStore["open"]>[0] {
  return {
    id,
    nodeId: "node-1",
    platform: "test",
    userId: "user-1",
    channelId: "channel-1",
    conversation,
    now: 1000,
    idleBefore: 0,
    ...fields,
  };
}

/** Options of {@linkcode ending}. */
export interface FinishOptions {
  readonly outcome?: Outcome;
  readonly now?: number;
  readonly sessionId?: string;
  readonly conversation?: Conversation;
  /** Lines of the user and the assistant. */
  readonly lines?: readonly [string, string];
}

/** Options of `requests.finish`: by default a reply at time 3000 with one line of each side. */
export function ending(options: FinishOptions = {}) {
  const { outcome = reply, now = 3000, sessionId, lines = ["question", "answer"] } = options;
  const line = { userId: "user-1", userName: "Ada", partial: false, at: now };
  const history: NewHistoryEntry[] = [
    { ...line, role: "user", content: lines[0] },
    { ...line, role: "assistant", content: lines[1] },
  ];
  return {
    outcome,
    now,
    sessionId,
    conversation: options.conversation ?? conversation,
    history,
  };
}

let count = 0;

/** Accepts, claims and finishes a message. Returns its sequence number. */
export async function finished(
  store: Store,
  options: FinishOptions & { readonly request?: Partial<NewRequest> } = {},
): Promise<number> {
  const seq = await accepted(store, request(`finished-${++count}`, options.request));
  const { claim } = await claimed(store, seq);
  await store.requests.finish(claim, ending(options));
  return seq;
}
