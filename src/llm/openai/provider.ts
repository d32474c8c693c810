/**
 * An OpenAI-compatible API. Makes one attempt at a request, within the time-outs and the provider's limits. Reads
 * the raw bytes of the answer, because heartbeats are visible only there.
 */

import type { Model, Provider } from "../catalog.ts";
import type { LlmEvent, LlmRequest } from "../client.ts";
import { ClassifiedError } from "../failure.ts";
import { type AnswerDelta, answerLimits, AnswerReader, AnswerTooLargeError } from "./answer.ts";
import { type ChatBody, type ChatRequest, toChatRequest } from "./chat_request.ts";
import { readEventStream } from "./event_stream.ts";
import { errorOfResponse } from "./provider_error.ts";
import { ProviderLimiter, queueFull } from "./provider_limiter.ts";
import type { RequestShape } from "./request_shape.ts";
import { UsageRecorder } from "./usage_recorder.ts";
import { Watchdog } from "./watchdog.ts";

/** How long usage may follow the end of an answer, milliseconds. */
const usageGraceMs = 500;
/** How long a finished stream may take to close, so that its connection serves the next request. */
const closeGraceMs = 100;

const openAiUrl = "https://api.openai.com/v1";

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
   * `fetch` throws; `GatewayError` with code `llm_timeout`.
   */
  async *stream(attempt: Attempt): AsyncGenerator<LlmEvent> {
    const { model, request, leftMs, signal } = attempt;
    const { stallMs, totalMs } = this.#provider;
    using watchdog = new Watchdog(signal, { stallMs, totalMs, leftMs });
    const release = await this.#enter(watchdog, signal);
    const usage = new UsageRecorder(model, request);
    try {
      yield* this.#answer(attempt, watchdog, usage);
    } catch (error) {
      throw watchdog.timeout ?? error;
    } finally {
      release();
      usage.report();
    }
  }

  async #enter(watchdog: Watchdog, signal: AbortSignal): Promise<() => void> {
    try {
      return await this.#limiter.enter(watchdog.signal);
    } catch (error) {
      signal.throwIfAborted();
      // The queue was too long; the model was not too slow.
      throw new ClassifiedError({ error: queueFull(error), kind: "skip" });
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

/** The HTTP side of the API: the address, the headers, one POST. */
class ChatTransport {
  readonly #url: string;
  readonly #headers: Headers;

  constructor({ apiKey, baseUrl, headers }: Provider) {
    this.#url = chatUrl(baseUrl ?? openAiUrl);
    this.#headers = new Headers({
      accept: "text/event-stream, application/json",
      "content-type": "application/json",
      ...(apiKey && { authorization: `Bearer ${apiKey}` }),
    });
    for (const [name, value] of Object.entries(headers)) this.#headers.set(name, value);
  }

  /**
   * Sends a request; resolves with the response once its head has arrived.
   *
   * @throws {ProviderError} if the status is not 2xx; what `fetch` throws.
   */
  async post(body: ChatBody, signal: AbortSignal): Promise<Response> {
    const response = await fetch(this.#url, {
      method: "POST",
      headers: this.#headers,
      body: JSON.stringify(body),
      // Conversations go to the configured server and to no other.
      redirect: "manual",
      signal,
    });
    if (!response.ok) throw await errorOfResponse(response);
    return response;
  }
}

/** The address for chat completions; a base URL may carry a query (Azure), or be that address already. */
function chatUrl(baseUrl: string): string {
  const url = new URL(baseUrl);
  const path = url.pathname.replace(/\/+$/, "");
  url.pathname = path.endsWith("/chat/completions") ? path : `${path}/chat/completions`;
  return url.href;
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

/** Reads a stream, or the one JSON object that some servers answer with; whatever its content type. */
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
