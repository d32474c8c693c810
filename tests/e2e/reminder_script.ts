/** A scripted model that sets reminders, and helpers to request and read them. */

import assert from "node:assert/strict";
import type { AdapterClient } from "../support/adapter/client.ts";
import { type ChatRequest, lastText, textOf } from "../support/llm/chat_request.ts";
import type { LlmServer } from "../support/llm/server.ts";
import type { MessageOptions } from "../support/adapter/message_frame.ts";
import type { ReceivedFrame } from "../support/adapter/received_frame.ts";

/** Whether the model is called because a reminder is due. */
export function isReminder(request: ChatRequest): boolean {
  return lastText(request).includes("(A reminder that is due now.");
}

/** Makes the model set a reminder for a message with "remind me", and deliver it when it is due. */
export function scriptReminders(llm: LlmServer, { seconds }: { readonly seconds: number }): void {
  llm.when((request) => isReminder(request) && request.messages.at(-1)!.role === "user", {
    text: ["Time to ", "stretch!"],
  });
  const isRequest = (request: ChatRequest) => lastText(request).includes("remind me");
  llm.when((request) => isRequest(request) && request.messages.at(-1)!.role === "user", {
    toolCalls: [{
      name: "schedule_reminder",
      arguments: { text: "stretch", in_seconds: seconds },
    }],
  });
  llm.when(isRequest, { text: "I will." });
}

/** Sends "remind me …" and waits for the promise; returns the tool's result as the model saw it. */
export async function requestReminder(
  adapter: AdapterClient,
  { llm, ...options }: MessageOptions & { readonly llm: LlmServer },
): Promise<string> {
  const id = adapter.say("remind me in 2 seconds to stretch", options);
  const { terminal } = await adapter.replyTo(id);
  assert.equal(terminal.content ?? terminal.full_text, "I will.");
  return textOf(llm.requests.at(-1)!.body.messages.at(-1)!);
}

/** All proactive messages received. */
export function proactiveFrames(...adapters: readonly AdapterClient[]): readonly ReceivedFrame[] {
  return adapters.flatMap(({ frames }) => frames)
    .filter(({ type }) => type === "proactive_message");
}
