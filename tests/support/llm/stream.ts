/** Streams a scripted reply at its own pace, and stops at once if the client leaves. */

import type { Reply } from "./reply.ts";
import {
  chunk,
  type Completion,
  finishOf,
  listOf,
  sse,
  textDeltas,
  toolDeltas,
  usageChunk,
} from "./wire.ts";

/** Where a stream is written. */
export interface LlmStreamTarget {
  readonly write: (data: string | Uint8Array) => void;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
}

/**
 * Writes a reply up to its scripted end or cut.
 *
 * @throws the signal's reason if it is aborted first.
 */
export async function writeStream(
  { completion, reply }: { readonly completion: Completion; readonly reply: Reply },
  { write, signal }: LlmStreamTarget,
): Promise<void> {
  if (reply.hang === "after-headers") await unlessAborted(forever, signal);
  if (reply.gate) await unlessAborted(reply.gate, signal);
  if (reply.raw) return await writeRaw(reply, { write, signal });
  const send = (delta: Readonly<Record<string, unknown>>, finish?: string) =>
    write(sse(chunk(completion, delta, finish)));
  send({ role: "assistant", content: "", refusal: null });
  for (const delta of listOf(reply.reasoning)) {
    send({ [reply.reasoningField ?? "reasoning_content"]: delta });
  }
  for (const refusal of listOf(reply.refusal)) send({ refusal });
  for (const [index, content] of textDeltas(reply).entries()) {
    await pace(reply, { index, signal });
    send({ content });
  }
  await waitAfter(reply, { index: textDeltas(reply).length, signal });
  if (reply.hang === "mid-stream") await unlessAborted(forever, signal);
  if (reply.cut) return;
  for (const delta of toolDeltas(completion, reply.toolCalls ?? [])) send(delta);
  send({}, finishOf(reply));
  if (completion.request.stream_options?.include_usage && reply.usage !== null) {
    write(sse(usageChunk(completion, reply)));
  }
  write(sse("[DONE]"));
}

async function writeRaw(
  reply: Reply,
  { write, signal }: LlmStreamTarget,
): Promise<void> {
  for (const [index, piece] of reply.raw!.entries()) {
    await pace(reply, { index, signal });
    write(piece);
  }
  if (reply.hang === "mid-stream") await unlessAborted(forever, signal);
}

/** Waits until the delta with this index may be sent. */
async function pace(
  reply: Reply,
  { index, signal }: { readonly index: number; readonly signal: AbortSignal },
): Promise<void> {
  await waitAfter(reply, { index, signal });
  if (index > 0 && reply.chunkDelayMs) await pause(reply.chunkDelayMs, signal);
}

async function waitAfter(
  { gateAfter }: Reply,
  { index, signal }: { readonly index: number; readonly signal: AbortSignal },
): Promise<void> {
  if (gateAfter?.chunks === index) await unlessAborted(gateAfter.until, signal);
}

/** What a hanging reply awaits. */
export const forever: Promise<never> = new Promise(() => {});

/** Settles like `promise`, or rejects when `signal` is aborted first. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  try {
    await unlessAborted(promise, signal);
  } finally {
    clearTimeout(timer);
  }
}
