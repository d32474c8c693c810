/**
 * All about the memory that a gateway's settings ask for: the memory itself, what turns recall of it, and
 * the worker that adds to it. Made by the engine, and by the command `memory` where no gateway runs.
 */

import type { GatewayConfig } from "../config/gateway_config.ts";
import { logger } from "../logging/log.ts";
import type { Store } from "../store/store.ts";
import { type AskModel, EmbeddedMemory } from "./embedded/memory.ts";
import { Embedder } from "./embedded/embedder.ts";
import { mem0Api } from "./mem0/api.ts";
import { Mem0Memory } from "./mem0/memory.ts";
import type { Fact, Memory } from "./port.ts";
import { MemoryWorker, type WorkerFigures } from "./worker.ts";
import { MemoryRecall, type MemoryRecallFigures, type RecallRequest } from "./recall.ts";

const log = logger("memory");

/** The part of a turn's time that a query's vector may take. */
const embedShare = 0.6;
/** Exchanges that are remembered at once where that asks nobody. */
const localAtOnce = 32;

/** What a {@linkcode UserMemory} is given. */
export interface UserMemoryOptions {
  readonly store: Pick<Store, "memories" | "vectors" | "exchanges">;
  /** Without it the embedded memory keeps exchanges as they are. */
  readonly ask?: AskModel;
}

/** How the memory is, for /health. */
export type MemoryFigures =
  | { readonly kind: "off" }
  | { readonly kind: string } & MemoryRecallFigures & Omit<WorkerFigures, "last_error">;

export class UserMemory implements AsyncDisposable {
  readonly memory: Memory;
  readonly #recollection: MemoryRecall;
  readonly #worker: MemoryWorker;
  readonly #on: boolean;

  constructor(
    { memory: config, limits }: Pick<GatewayConfig, "memory" | "limits">,
    { store, ask }: UserMemoryOptions,
  ) {
    const { kind, budgetMs, embedding, mem0 } = config;
    const own = new EmbeddedMemory({
      ...store,
      ask,
      embedder: embedding && new Embedder(embedding),
      embedMs: budgetMs * embedShare,
      cap: limits.userMemories,
    });
    this.#on = kind !== "off";
    this.memory = kind === "mem0" ? new Mem0Memory({ api: mem0Api(mem0), own }) : own;
    this.#recollection = new MemoryRecall({ memory: this.memory, budgetMs });
    this.#worker = new MemoryWorker({
      memory: this.memory,
      exchanges: store.exchanges,
      backlog: limits.waitingExchanges,
      // Without a model there is nothing to wait for but commits, which many share.
      atOnce: this.memory === own && !ask && !embedding ? localAtOnce : undefined,
    });
  }

  /** Whether turns recall and teach anything. */
  get on(): boolean {
    return this.#on;
  }

  /** Takes up what an earlier run left. */
  start(): void {
    if (!this.#on) return;
    log.info("Memory: {kind}", { kind: this.memory.kind });
    this.#worker.start();
  }

  /** What may help to answer, a line each, within the turn's time. Never rejects. */
  recall(request: RecallRequest): Promise<readonly string[]> {
    return this.#on ? this.#recollection.recall(request) : Promise.resolve([]);
  }

  /** An exchange was put into the outbox. */
  wake(): void {
    this.#worker.wake();
  }

  async figures(): Promise<MemoryFigures> {
    if (!this.#on) return { kind: "off" };
    const recalled = this.#recollection.figures();
    const { last_error, ...worker } = await this.#worker.figures();
    const error = recalled.last_error ?? last_error;
    return {
      kind: this.memory.kind,
      state: error === undefined ? "ok" : "down",
      ...worker,
      ...(error !== undefined && { last_error: error }),
    };
  }

  /** A user's facts that hold a text, whatever its case. */
  async holding(
    userKey: string,
    { text, limit, signal }: {
      readonly text: string;
      readonly limit: number;
      readonly signal: AbortSignal;
    },
  ): Promise<readonly Fact[]> {
    const wanted = text.toLowerCase();
    const all = await this.memory.list(userKey, { limit, signal });
    return all.filter((fact) => fact.text.toLowerCase().includes(wanted));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#worker[Symbol.asyncDispose]();
  }
}
