/** Fills a store with past conversations, as the gateway would write them. */

import type { UserMessage } from "../../src/domain/message.ts";
import type { SqliteStore } from "../../src/store/sqlite/store.ts";
import { message } from "./load.ts";

/** What to write. */
export interface FillOptions {
  readonly channels: readonly string[];
  /** Lines of each session, two per message and reply. */
  readonly lines: number;
  /** Sessions of each channel; all but the last have ended. Default: 1. */
  readonly sessions?: number;
}

/** Conversations written at once, in shared transactions. */
const atOnce = 500;
let made = 0;

export async function fillHistory(
  store: SqliteStore,
  { channels, lines, sessions = 1 }: FillOptions,
): Promise<void> {
  for (let at = 0; at < channels.length; at += atOnce) {
    await Promise.all(
      channels.slice(at, at + atOnce).map(async (channelId) => {
        const conversation = { channelKey: `bench:${channelId}`, threadId: "" };
        for (let count = 0; count < sessions; count++) {
          await writeSession(store, { channelId, conversation, lines });
          if (count < sessions - 1) {
            await store.sessions.end({ conversation, userId: "user", now: Date.now() });
          }
        }
      }),
    );
  }
}

async function writeSession(
  store: SqliteStore,
  { channelId, conversation, lines }: {
    readonly channelId: string;
    readonly conversation: { readonly channelKey: string; readonly threadId: string };
    readonly lines: number;
  },
): Promise<void> {
  const now = Date.now();
  const user = { id: "user" };
  const origin = { nodeId: "past", platform: "bench" };
  const { session } = await store.sessions.open({
    ...origin,
    id: `past-${made++}`,
    userId: user.id,
    channelId,
    conversation,
    now,
    idleBefore: 0,
  });
  for (let line = 0; line < lines; line += 2) {
    const requestId = `past-${made++}`;
    const userMessage: UserMessage = {
      dialect: "clara-1",
      requestId,
      user,
      channel: { id: channelId },
      content: message,
      attachments: [],
      replyChain: [],
      priority: "normal",
      metadata: {},
    };
    const accepted = await store.requests.accept({
      ...origin,
      channelKey: conversation.channelKey,
      digest: requestId,
      message: userMessage,
      serialized: { text: JSON.stringify(userMessage), bytes: 500 },
      hasCapacity: true,
      now,
    });
    if (accepted.type !== "accepted") throw new Error(`Not accepted: ${accepted.type}`);
    const { seq } = accepted.request;
    const { claim } = (await store.requests.claim(seq, { owner: "past", now, idleBefore: 0 }))!;
    const said = { content: message, userId: user.id, partial: false, at: now } as const;
    await store.requests.finish(claim, {
      outcome: {
        type: "reply",
        tier: "mid",
        text: message,
        files: [],
        toolCount: 0,
        usage: { inputTokens: 1, outputTokens: 1 },
        model: "echo",
        finishReason: "stop",
      },
      now,
      sessionId: session.id,
      conversation,
      history: [{ ...said, role: "user" }, { ...said, role: "assistant" }],
    });
    await store.requests.markDelivered({ seq, now });
  }
}
