/**
 * The client for OpenAI-compatible models. A request goes to the first model of its tier. If it fails before any
 * output was shown, it goes to the next model, or to the same one after a delay.
 */

import { errorText } from "../../lib/error_text.ts";
import { logger } from "../../logging/log.ts";
import type { Tier } from "../../domain/message.ts";
import type { Usage } from "../../domain/reply.ts";
import type { UsageEntry } from "../../store/usage_store.ts";
import { pause } from "../../lib/wait.ts";
import { contextWindow } from "../context_window.ts";
import { Cooldowns } from "../cooldowns.ts";
import type {
  Account,
  Completion,
  CompletionRequest,
  LlmClient,
  LlmEvent,
  LlmRequest,
  RequestUsage,
} from "../client.ts";
import { filtered, incompleteReply, type LlmFailure, toFailure } from "../failure.ts";
import type { Model, ModelCatalog, Provider } from "../catalog.ts";
import { ModelSelector } from "./model_selector.ts";
import { meaningOf } from "./failure_rules.ts";
import { OpenAiProvider } from "./provider.ts";
import { ProviderError } from "./provider_error.ts";
import {
  refusedPart,
  refusedTool,
  type RequestPart,
  RequestShape,
  type SentRequest,
} from "./request_shape.ts";

const log = logger("llm");

/** Options of an {@linkcode OpenAiClient}. */
export interface OpenAiClientOptions {
  readonly catalog: ModelCatalog;
  /** Whether to pass on reasoning. Default: false. */
  readonly showReasoning?: boolean;
  /** Stores the usage of requests outside the conversation. */
  readonly storeUsage?: (entries: readonly UsageEntry[]) => Promise<void>;
  /** A monotonic clock. */
  readonly clock?: () => number;
}

export class OpenAiClient implements LlmClient {
  readonly kind = "openai";
  readonly #options: OpenAiClientOptions;
  readonly #clock: () => number;
  readonly #cooldowns: Cooldowns;
  readonly #providers = new Map<Provider, OpenAiProvider>();
  /** The learned request shape of each model, by its name. */
  readonly #shapes = new Map<string, RequestShape>();

  constructor(options: OpenAiClientOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
    this.#cooldowns = new Cooldowns(options.catalog.cooldown);
  }

  modelOf(tier: Tier): string {
    return this.#modelsOf(tier)[0]!.name;
  }

  contextTokensOf(tier: Tier): number {
    const windows = this.#modelsOf(tier)
      .map(({ contextTokens, id }) => contextTokens ?? contextWindow(id));
    return Math.min(...windows);
  }

  async *stream(request: LlmRequest, signal: AbortSignal): AsyncGenerator<LlmEvent> {
    const selector = new ModelSelector(this.#modelsOf(request.tier), this.#cooldowns);
    const startedAt = this.#clock();
    for (;;) {
      const model = await this.#wait(selector, { startedAt, signal });
      const triedAt = this.#clock();
      let started = false;
      try {
        for await (const event of this.#try(model, { request, startedAt, signal })) {
          started ||= event.type !== "finish";
          yield event;
        }
        this.#cooldowns.succeeded(model.name, { startedAt: triedAt });
        return;
      } catch (error) {
        signal.throwIfAborted();
        const failure = toFailure(error, { model, now: Date.now() });
        this.#recordFailure(model, failure, triedAt);
        if (started) throw incompleteReply(failure.error);
        if (failure.kind === "fatal") throw failure.error;
        selector.failed(model, failure);
      }
    }
  }

  async complete(request: CompletionRequest): Promise<Completion> {
    const { account, purpose, signal, ...rest } = request;
    const recorded: RequestUsage[] = [];
    let text = "";
    let usage: Usage = { inputTokens: 0, outputTokens: 0 };
    let model = this.modelOf(request.tier);
    try {
      const onUsage = (entry: RequestUsage) => recorded.push(entry);
      for await (const event of this.stream({ ...rest, tools: [], onUsage }, signal)) {
        if (event.type === "text") text += event.text;
        if (event.type !== "finish") continue;
        ({ usage, model } = event);
        if (event.reason === "content_filter" && text === "") throw filtered().error;
      }
      return { text, usage, model };
    } finally {
      if (account) this.#storeUsage(recorded, { purpose, account });
    }
  }

  #modelsOf(tier: Tier): readonly Model[] {
    return this.#options.catalog.tiers[tier];
  }

  /** Returns the next model once it is ready. @throws {GatewayError} if there is none. */
  async #wait(
    selector: ModelSelector,
    { startedAt, signal }: { readonly startedAt: number; readonly signal: AbortSignal },
  ): Promise<Model> {
    const now = this.#clock();
    const next = selector.next({ now, elapsedMs: now - startedAt });
    if (!next) throw selector.error;
    if (next.waitMs > 0) await pause(next.waitMs, signal);
    signal.throwIfAborted();
    return next.model;
  }

  /**
   * Makes one attempt at a model. If it refuses a part of the request by name, sends the request again without
   * that part; what worked is remembered for the model.
   */
  async *#try(
    model: Model,
    { request, startedAt, signal }: {
      readonly request: LlmRequest;
      readonly startedAt: number;
      readonly signal: AbortSignal;
    },
  ): AsyncGenerator<LlmEvent> {
    const provider = this.#providerOf(model);
    const { showReasoning = false } = this.#options;
    const adaptations: Adaptation[] = [];
    for (;;) {
      const shape = this.#shapeOf(model).copy();
      adaptations.forEach((adaptation) => applyTo(shape, adaptation));
      const leftMs = Math.max(model.provider.totalMs - (this.#clock() - startedAt), 1);
      let sent: SentRequest = { parts: new Set() };
      const imageNote = adaptations.find(({ part }) => part === "images")?.note;
      const onRequest = (chat: { readonly sent: SentRequest }) => sent = chat.sent;
      const attempt = {
        model,
        request,
        shape,
        imageNote,
        leftMs,
        showReasoning,
        onRequest,
        signal,
      };
      let started = false;
      try {
        for await (const event of provider.stream(attempt)) {
          // The answer proves that the request is right without these parts.
          if (!started) this.#remember(model, adaptations);
          started = true;
          yield event;
        }
        return;
      } catch (error) {
        const adaptation = started ? undefined : adaptationFor(error, sent);
        if (!adaptation || adaptations.length >= maxAdaptations) throw error;
        adaptations.push(adaptation);
      }
    }
  }

  #providerOf(model: Model): OpenAiProvider {
    let provider = this.#providers.get(model.provider);
    if (!provider) {
      this.#providers.set(model.provider, provider = new OpenAiProvider(model.provider));
    }
    return provider;
  }

  #shapeOf(model: Model): RequestShape {
    let shape = this.#shapes.get(model.name);
    if (!shape) this.#shapes.set(model.name, shape = new RequestShape(model.leaveOut));
    return shape;
  }

  #remember(model: Model, adaptations: readonly Adaptation[]): void {
    for (const adaptation of adaptations) {
      const { part, tool, once, reason } = adaptation;
      if (once) continue;
      applyTo(this.#shapeOf(model), adaptation);
      const facts = { model: model.name, part, tool, reason };
      if (tool !== undefined) {
        log.warn("Model {model} refuses tool {tool} ({reason}): it is not offered again", facts);
      } else {
        log.warn(
          "Model {model} refuses {part} ({reason}): it is left out from now on. To avoid the " +
            "first refusal, list it under leave_out in models.yaml",
          facts,
        );
      }
    }
  }

  /** Starts a cooldown if the failure calls for one, and logs it. */
  #recordFailure(model: Model, failure: LlmFailure, startedAt: number): void {
    const now = this.#clock();
    const cooldownMs = this.#cooldowns.failed(model.name, { failure, startedAt, now });
    const { error } = failure;
    const facts = {
      model: model.name,
      provider: model.provider.name,
      error: errorText(error.cause instanceof Error ? error.cause : error),
      seconds: cooldownMs === undefined ? 0 : cooldownMs / 1000,
    };
    const text = "Model {model} of provider {provider} failed ({error})" +
      (cooldownMs === undefined ? "" : "; cooling down for {seconds} s");
    if (failure.kind === "refused") log.error(text, facts);
    else log.warn(text, facts);
  }

  /** Stores usage in the background. A failure is only logged, because the request has been answered. */
  #storeUsage(
    recorded: readonly RequestUsage[],
    { purpose, account }: { readonly purpose: string; readonly account: Account },
  ): void {
    const at = Date.now();
    const entries = recorded.map((entry) => ({ ...entry, ...account, purpose, at }));
    if (entries.length === 0) return;
    this.#options.storeUsage?.(entries).catch((error) =>
      log.warn("Cannot store the usage of a request: {error}", { error: errorText(error) })
    );
  }
}

/** Maximum refusals of one request after which it is sent again. */
const maxAdaptations = 8;

/** What was refused and is now left out: a part of the request, or one tool. */
interface Adaptation {
  readonly part?: RequestPart;
  /** Another part that would be refused for the same reason. */
  readonly twin?: RequestPart;
  readonly tool?: string;
  /** The provider's message. */
  readonly reason: string;
  /** Whether it applies to this request only. */
  readonly once: boolean;
  /** Replaces images that are left out. */
  readonly note?: string;
}

const unreadableImage = "[An image was attached here. The model's provider could not read it.]";

function applyTo(shape: RequestShape, { part, twin, tool }: Adaptation): void {
  if (part !== undefined) shape.leaveOut(part);
  if (twin !== undefined) shape.leaveOut(twin);
  if (tool !== undefined) shape.leaveOutTool(tool);
}

/** Returns what to leave out after an error, or `undefined` if the error names nothing that was sent. */
function adaptationFor(error: unknown, sent: SentRequest): Adaptation | undefined {
  if (!(error instanceof ProviderError)) return undefined;
  const reason = error.text.slice(0, 300);
  const part = refusedPart(error, sent);
  const isImage = meaningOf(error) === "image" && part !== "message_fields";
  if (part === "images" || isImage) {
    if (!sent.parts.has("images")) return undefined;
    // Only a model that says it sees no images is spared them from now on: one user's broken image must not
    // take away everybody's.
    const once = part !== "images" || isAboutOneImage(error.text);
    return { part: "images", reason, once, ...(once && { note: unreadableImage }) };
  }
  if (part !== undefined) return { part, twin: twinOf(part, error.text), reason, once: false };
  const tool = refusedTool(error, sent);
  return tool === undefined ? undefined : { tool, reason, once: false };
}

/** The other name of a limit whose value is refused; a name that is refused is replaced by the other one. */
function twinOf(part: RequestPart, text: string): RequestPart | undefined {
  const twins = {
    max_tokens: "max_completion_tokens",
    max_completion_tokens: "max_tokens",
  } as const;
  if (part !== "max_tokens" && part !== "max_completion_tokens") return undefined;
  return /too (?:large|high|big)|less than|at most|range|must be|非法/i.test(text)
    ? twins[part]
    : undefined;
}

/** Whether an error is about the image, not about a model that sees none. */
function isAboutOneImage(text: string): boolean {
  return /(?:unsupported|invalid|valid|corrupt|broken) image|image.{0,40}(?:too large|too small|exceeds|format|could not|cannot|failed|unable|invalid)|(?:could not|cannot|failed to|unable to) (?:process|decode|load|read|fetch|download)|dimension|mime|media type|base64/i
    .test(text);
}
