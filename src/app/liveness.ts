/**
 * Whether the gateway makes progress: its store answers and its queue moves. A watchdog asks; that the
 * event loop runs is shown by the question itself.
 */

import type { EventBus, EventName, GatewayEvent } from "../domain/events.ts";
import { Deadline } from "../lib/deadline.ts";
import { errorText } from "../lib/error_text.ts";
import { type ModelCatalog, modelsOf } from "../llm/catalog.ts";
import { maxProceeds } from "../turn/tool_loop.ts";

/** Options of {@linkcode Liveness}. */
export interface LivenessOptions {
  readonly store: { probe(): Promise<void> };
  readonly router: {
    figures(): { readonly active: number; readonly queued: number; readonly held: number };
  };
  readonly events: EventBus;
  /** Whether the port is open. Default: it is. */
  readonly listening?: () => boolean;
  /**
   * Longest time without an event of a running turn, milliseconds. It does not count while a tool runs,
   * since each tool has its own time limit.
   */
  readonly silenceMs: number;
  /** How long the store may take to answer, milliseconds. Default: 10,000. */
  readonly storeMs?: number;
  readonly now?: () => number;
}

/** Events that only a turn that makes progress emits. */
const turnEnds: readonly EventName[] = ["message:sent", "message:cancelled", "message:error"];
const toolEnds: readonly EventName[] = ["tool:end", "tool:error"];

export class Liveness {
  readonly #options: LivenessOptions;
  readonly #now: () => number;
  #lastProgressAt: number;
  /** Running tool calls, by request and call id; a model may use an id more than once. */
  readonly #tools = new Map<string, number>();
  /** Whether messages waited while no turn ran at the last check. */
  #stuckQueue = false;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#lastProgressAt = this.#now();
    options.events.subscribe((event) => this.#handle(event));
  }

  /** Describes what is stuck; undefined if nothing is. */
  async standstill(): Promise<string | undefined> {
    if (this.#options.listening?.() === false) return "the port is closed";
    return await this.#storeStandstill() ?? this.#queueStandstill();
  }

  #handle({ name, data }: GatewayEvent): void {
    const isTool = "call_id" in data;
    if (!isTool && !turnEnds.includes(name)) return;
    this.#lastProgressAt = this.#now();
    if (!isTool) return;
    const key = `${data.node_id} ${data.request_id} ${data.call_id}`;
    // A call that was interrupted by a restart is reported as failed, but not as started.
    const running = (this.#tools.get(key) ?? 0) + (toolEnds.includes(name) ? -1 : 1);
    if (running > 0) this.#tools.set(key, running);
    else this.#tools.delete(key);
  }

  async #storeStandstill(): Promise<string | undefined> {
    const { store, storeMs: ms = 10_000 } = this.#options;
    using deadline = new Deadline({ ms, reason: new Error("the store does not answer") });
    return await deadline.race(store.probe()).then(() => undefined, errorText);
  }

  #queueStandstill(): string | undefined {
    const { router, silenceMs } = this.#options;
    const { active, queued, held } = router.figures();
    if (active === 0) this.#tools.clear();
    if (active === 0 || this.#tools.size > 0) this.#lastProgressAt = this.#now();
    // A channel that still collects messages has a time limit of its own.
    const stuck = active === 0 && queued > 0 && held === 0;
    const twice = stuck && this.#stuckQueue;
    this.#stuckQueue = stuck;
    if (twice) return `${queued} messages wait and no turn runs`;
    const silentMs = this.#now() - this.#lastProgressAt;
    if (silentMs <= silenceMs) return undefined;
    return `${active} turns made no progress for ${Math.round(silentMs / 1000)} seconds`;
  }
}

/** What the longest silence of a turn depends on. */
export interface SilenceOptions {
  /** How often an answer that was cut off for its length is continued. */
  readonly continuations: number;
  readonly autoProceed: boolean;
  /** Undefined if the echo model answers. */
  readonly models?: Pick<ModelCatalog, "tiers">;
}

/**
 * The longest time a turn can go without a sign of life, milliseconds: all of it can be spent on model requests.
 * Tools are not included; they have their own limits.
 */
export function longestSilenceMs({ continuations, autoProceed, models }: SilenceOptions): number {
  const requestMs = Math.max(0, ...modelsOf(models).map(({ provider }) => provider.totalMs));
  // The answer, its continuations, and one more attempt if it was empty.
  const answerMs = requestMs * (continuations + 2);
  return answerMs * (autoProceed ? maxProceeds + 1 : 1);
}
