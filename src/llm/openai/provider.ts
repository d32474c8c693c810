/**
 * An OpenAI-compatible API. Makes one attempt at a request, within the time-outs and the provider's limits. Reads
 * the raw bytes of the answer, because heartbeats are visible only there.
 */

import { GatewayError } from "../../domain/errors.ts";
import type { Model, Provider } from "../catalog.ts";
import type { LlmEvent, LlmRequest } from "../client.ts";
import { ClassifiedError } from "../failure.ts";
import { UsageRecorder } from "../usage_recorder.ts";
import { type AnswerDelta, answerLimits, AnswerReader, AnswerTooLargeError } from "./answer.ts";
import { type ChatRequest, toChatRequest } from "./chat_request.ts";
import { readEventStream } from "./event_stream.ts";
import { ProviderLimiter } from "./provider_limiter.ts";
import type { RequestShape } from "./request_shape.ts";
import { ChatTransport } from "./transport.ts";
import { Watchdog } from "./watchdog.ts";

/** How long usage may follow the end of an answer, milliseconds. */
const usageGraceMs = 500;
/** How long a finished stream may take to close, so that its connection serves the next request. */
const closeGraceMs = 100;

/** One attempt. */
export interface Attempt {
  readonly model: Model;
  readonly request: LlmRequest;
  readonly shape: RequestShape;
  /** Replaces images that the shape leaves out. */
  readonly imageNote?: string;
  /** Remaining total time after earlier attempts, milliseconds. */
  readonly leftMs: number;
  readonly showReasoning: boolean;
  /** Called with the request before it is sent. */
  readonly onRequest?: (request: ChatRequest) => void;
  readonly signal: AbortSignal;
}

export class OpenAiProvider {
  readonly #provider: Provider;
  readonly #limiter: ProviderLimiter;
  readonly #transport: ChatTransport;

  constructor(provider: Provider) {
    this.#provider = provider;
    this.#limiter = new ProviderLimiter(provider);
    this.#transport = new ChatTransport(provider);
  }

  /**
   * Streams one answer.
   *
   * @throws {ProviderError} the provider's refusal; {@linkcode AnswerFailedError} an answer without its end; what
   * `fetch` throws; {@linkcode GatewayError} `llm_timeout`.
   */
  async *stream(attempt: Attempt): AsyncGenerator<LlmEvent> {
    const { model, request, leftMs, signal } = attempt;
    const { stallMs, totalMs } = this.#provider;
    using watchdog = new Watchdog(signal, { stallMs, totalMs, leftMs });
    const leave = await this.#enter(watchdog, signal);
    const usage = new UsageRecorder(model, request);
    try {
      yield* this.#answer(attempt, watchdog, usage);
    } catch (error) {
      throw watchdog.timeout ?? error;
    } finally {
      leave();
      usage.report();
    }
  }

  async #enter(watchdog: Watchdog, signal: AbortSignal): Promise<() => void> {
    try {
      return await this.#limiter.enter(watchdog.signal);
    } catch (error) {
      signal.throwIfAborted();
      // The queue was too long; the model was not too slow.
      const busy = new GatewayError(
        "rate_limited",
        "Too many requests are waiting for the model's provider. Try again later.",
        { recoverable: true, cause: error },
      );
      throw new ClassifiedError({ error: busy, kind: "skip" });
    }
  }

  async *#answer(
    attempt: Attempt,
    watchdog: Watchdog,
    usage: UsageRecorder,
  ): AsyncGenerator<LlmEvent> {
    const { model, showReasoning } = attempt;
    const { signal } = watchdog;
    const chat = toChatRequest(attempt.request, attempt);
    attempt.onRequest?.(chat);
    watchdog.begin();
    usage.sent();
    const response = await this.#transport.post(chat.body, signal).catch((error) => {
      // The provider may continue to work on a request that was cancelled or timed out.
      if (!signal.aborted) usage.refused();
      throw error;
    });
    const reader = new AnswerReader();
    try {
      for await (const delta of readAnswer(response, { reader, watchdog })) {
        yield* toEvents(delta, { usage, showReasoning });
      }
    } finally {
      // An answer that fails halfway costs money, too.
      if (reader.usage) usage.reported(reader.usage);
    }
    signal.throwIfAborted();
    const end = reader.end();
    yield* toEvents(end, { usage, showReasoning });
    for (const call of end.calls) {
      const event: LlmEvent = { type: "tool_call", call };
      usage.received(event);
      yield event;
    }
    const fields = Object.keys(end.fields).length > 0 ? end.fields : undefined;
    yield { type: "finish", reason: end.reason, usage: usage.usage, model: model.name, fields };
  }
}

function* toEvents(
  { text, reasoning }: AnswerDelta,
  { usage, showReasoning }: { readonly usage: UsageRecorder; readonly showReasoning: boolean },
): Generator<LlmEvent> {
  if (reasoning !== "") {
    const event = { type: "reasoning", text: reasoning } as const;
    usage.received(event);
    if (showReasoning) yield event;
  }
  if (text !== "") {
    const event = { type: "text", text } as const;
    usage.received(event);
    yield event;
  }
}

interface Reading {
  readonly reader: AnswerReader;
  readonly watchdog: Watchdog;
}

/** Reads a stream, or the one JSON object that some servers answer with; their content types lie. */
async function* readAnswer(
  { body }: Response,
  reading: Reading,
): AsyncGenerator<AnswerDelta> {
  if (!body) return;
  const grace = new GraceTimer();
  const bytes = bytesOf(body, grace);
  const start: Uint8Array[] = [];
  let first: number | undefined;
  while (first === undefined) {
    const result = await bytes.next();
    if (result.done) return;
    reading.watchdog.progress();
    start.push(result.value);
    first = result.value.find((byte) => !blanks.includes(byte));
  }
  async function* all() {
    yield* start;
    yield* bytes;
  }
  yield* first === openBrace ? readWhole(all(), reading) : readStream(all(), { ...reading, grace });
}

/** White space, and the bytes of a byte order mark. */
const blanks = [0x20, 0x0a, 0x0d, 0x09, 0xef, 0xbb, 0xbf];
const openBrace = 0x7b;

async function* readStream(
  bytes: AsyncIterable<Uint8Array>,
  { reader, watchdog, grace }: Reading & { readonly grace: GraceTimer },
): AsyncGenerator<AnswerDelta> {
  let finishedWith = -1;
  const events = readEventStream(bytes, {
    onBytes: () => watchdog.progress(),
    maxEventChars: answerLimits.eventChars,
  });
  for await (const batch of events) {
    for (const data of batch) {
      yield reader.read(data);
      if (reader.ended) break;
    }
    if (reader.ended) grace.start(closeGraceMs);
    else if (reader.finished && reader.contentChunks > finishedWith) {
      // Heartbeats do not extend the grace period; further chunks of the answer do.
      finishedWith = reader.contentChunks;
      grace.start(usageGraceMs);
    }
    // The bytes after `[DONE]` are read in the background.
    if (reader.ended) break;
  }
}

async function* readWhole(
  bytes: AsyncIterable<Uint8Array>,
  { reader, watchdog }: Reading,
): AsyncGenerator<AnswerDelta> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of bytes) {
    watchdog.progress();
    text += decoder.decode(piece, { stream: true });
    if (text.length > answerLimits.eventChars) {
      throw new AnswerTooLargeError(`The answer exceeds ${answerLimits.eventChars} characters`);
    }
  }
  yield reader.read(text + decoder.decode());
  // Nothing can follow a whole object, whether or not it says why it ended.
  if (reader.contentChunks > 0) reader.read("[DONE]");
}

/** Stops reading a body some time after its answer has ended. */
class GraceTimer {
  readonly #over = Promise.withResolvers<void>();
  #timer?: ReturnType<typeof setTimeout>;

  /** Starts or restarts the timer. */
  start(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#over.resolve, ms);
  }

  get over(): Promise<void> {
    return this.#over.promise;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/**
 * Yields the bytes of a body until it ends or the grace period is over. If the caller stops early, the rest is
 * read in the background for a moment, because only a body that was read to its end frees its connection.
 */
async function* bytesOf(
  body: ReadableStream<Uint8Array>,
  grace: GraceTimer,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  const over = grace.over.then(() => "over" as const);
  let ended = false;
  try {
    for (;;) {
      const result = await Promise.race([reader.read(), over]);
      if (result === "over") return;
      if (result.done) {
        ended = true;
        return;
      }
      yield result.value;
    }
  } finally {
    grace.stop();
    if (!ended) drain(reader).catch(() => {});
  }
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  const timer = setTimeout(() => reader.cancel().catch(() => {}), closeGraceMs);
  try {
    while (!(await reader.read()).done);
  } finally {
    clearTimeout(timer);
  }
}
