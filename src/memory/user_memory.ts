/**
 * The memory that the settings configure: a backend, the recall for turns, and the worker that learns.
 * Created by the gateway, and by the command `memory` when no gateway runs.
 */

import type { GatewayConfig } from "../config/gateway_config.ts";
import { logger } from "../logging/log.ts";
import type { Store } from "../store/store.ts";
import { type AskModel, EmbeddedMemory } from "./embedded/memory.ts";
import { Embedder } from "./embedded/embedder.ts";
import { mem0Api } from "./mem0/api.ts";
import { Mem0Memory } from "./mem0/memory.ts";
import type { Memory, MemoryBackend } from "./port.ts";
import { MemoryWorker, type WorkerFigures } from "./worker.ts";
import { MemoryRecall, type MemoryRecallFigures, type RecallRequest } from "./recall.ts";

const log = logger("memory");

/** The share of a turn's budget that embedding the query may take. */
const embedShare = 0.6;
/** Exchanges learned concurrently if no remote service is involved. */
const localConcurrency = 32;

/** Options of {@linkcode UserMemory}. */
export interface UserMemoryOptions {
  readonly store: Pick<Store, "memories" | "vectors" | "exchanges">;
  /** If missing, the embedded memory stores whole exchanges instead of facts. */
  readonly ask?: AskModel;
}

/** The state of the memory, for /health. */
export type MemoryFigures =
  | { readonly kind: "off" }
  | { readonly kind: string } & MemoryRecallFigures & Omit<WorkerFigures, "last_error">;

export class UserMemory implements AsyncDisposable {
  readonly backend: MemoryBackend;
  readonly #recall: MemoryRecall;
  readonly #worker: MemoryWorker;
  readonly #enabled: boolean;

  constructor(
    { memory: config, limits }: Pick<GatewayConfig, "memory" | "limits">,
    { store, ask }: UserMemoryOptions,
  ) {
    const { kind, budgetMs, embedding, mem0 } = config;
    const embedded = new EmbeddedMemory({
      ...store,
      ask,
      embedder: embedding && new Embedder(embedding),
      embedMs: budgetMs * embedShare,
      cap: limits.userMemories,
    });
    this.#enabled = kind !== "off";
    this.backend = kind === "mem0" ? new Mem0Memory({ api: mem0Api(mem0), embedded }) : embedded;
    this.#recall = new MemoryRecall({ backend: this.backend, budgetMs });
    this.#worker = new MemoryWorker({
      backend: this.backend,
      exchanges: store.exchanges,
      backlog: limits.waitingExchanges,
      // Without a model each exchange waits only for its commit, and commits are grouped.
      concurrency: this.backend === embedded && !ask && !embedding ? localConcurrency : undefined,
    });
  }

  /** Whether turns use the memory. */
  get enabled(): boolean {
    return this.#enabled;
  }

  /** Starts to learn, beginning with what an earlier run left in the outbox. */
  start(): void {
    if (!this.#enabled) return;
    log.info("Memory: {kind}", { kind: this.backend.kind });
    this.#worker.start();
  }

  /** Returns what may help to answer, one line each, within the budget. Never rejects. */
  recall(request: RecallRequest): Promise<readonly string[]> {
    return this.#enabled ? this.#recall.recall(request) : Promise.resolve([]);
  }

  /** Call after an exchange was put into the outbox. */
  wake(): void {
    this.#worker.wake();
  }

  async figures(): Promise<MemoryFigures> {
    if (!this.#enabled) return { kind: "off" };
    const recall = this.#recall.figures();
    const { last_error, ...worker } = await this.#worker.figures();
    const error = recall.last_error ?? last_error;
    return {
      kind: this.backend.kind,
      state: error === undefined ? "ok" : "down",
      ...worker,
      ...(error !== undefined && { last_error: error }),
    };
  }

  /** Returns a user's memories that contain a text, ignoring case. */
  async containing(
    userKey: string,
    { text, limit, signal }: {
      readonly text: string;
      readonly limit: number;
      readonly signal: AbortSignal;
    },
  ): Promise<readonly Memory[]> {
    const needle = text.toLowerCase();
    const all = await this.backend.list(userKey, { limit, signal });
    return all.filter((memory) => memory.text.toLowerCase().includes(needle));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#worker[Symbol.asyncDispose]();
  }
}
