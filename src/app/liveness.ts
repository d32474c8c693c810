/**
 * Whether the gateway really gets on: its store answers and its queue moves. That the event loop turns
 * shows by the asking. Asked by the watchdog; made by the gateway.
 */

import { errorText } from "../lib/error_text.ts";
import type { EventBus, EventName, GatewayEvent } from "../domain/events.ts";
import { pause } from "../lib/wait.ts";

/** What {@linkcode Liveness} is given. */
export interface LivenessOptions {
  readonly store: { probe(): Promise<void> };
  readonly router: {
    figures(): { readonly active: number; readonly queued: number; readonly held: number };
  };
  readonly events: EventBus;
  /**
   * Longest time without any sign of the turns that run, milliseconds; while a tool runs there is no limit
   * here, since each has its own.
   */
  readonly silenceMs: number;
  /** Longest time of the store's answer, milliseconds. Default: 10,000. */
  readonly storeMs?: number;
  readonly now?: () => number;
}

/** What only a turn that gets on emits: of its end, and of its tools. */
const endings: readonly EventName[] = ["message:sent", "message:cancelled", "message:error"];
const toolEndings: readonly EventName[] = ["tool:end", "tool:error"];

export class Liveness {
  readonly #options: LivenessOptions;
  readonly #now: () => number;
  #lastSign: number;
  /** How many calls of tools run, by request and call: a model may give several the same id. */
  readonly #tools = new Map<string, number>();
  /** Whether at the last look something waited and nothing ran. */
  #idleQueue = false;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#lastSign = this.#now();
    options.events.subscribe((event) => this.#hear(event));
  }

  /** What stands still, in words; undefined when all gets on. */
  async standstill(): Promise<string | undefined> {
    return await this.#storeStandstill() ?? this.#queueStandstill();
  }

  #hear({ name, data }: GatewayEvent): void {
    const isTool = "call_id" in data;
    if (!isTool && !endings.includes(name)) return;
    this.#lastSign = this.#now();
    if (!isTool) return;
    const key = `${data.node_id} ${data.request_id} ${data.call_id}`;
    // A call that an earlier run has left is told as failed, and was not told as begun.
    const running = (this.#tools.get(key) ?? 0) + (toolEndings.includes(name) ? -1 : 1);
    if (running > 0) this.#tools.set(key, running);
    else this.#tools.delete(key);
  }

  async #storeStandstill(): Promise<string | undefined> {
    const { store, storeMs = 10_000 } = this.#options;
    const over = new AbortController();
    const answered = store.probe().then(() => undefined, errorText);
    const late = pause(storeMs, over.signal).then(() => "the store does not answer");
    const found = await Promise.race([answered, late]);
    over.abort();
    return found;
  }

  #queueStandstill(): string | undefined {
    const { router, silenceMs } = this.#options;
    const { active, queued, held } = router.figures();
    if (active === 0) this.#tools.clear();
    if (active === 0 || this.#tools.size > 0) this.#lastSign = this.#now();
    // A channel that waits for quiet has its own limit.
    const idleQueue = active === 0 && queued > 0 && held === 0;
    const twice = idleQueue && this.#idleQueue;
    this.#idleQueue = idleQueue;
    if (twice) return `${queued} messages wait and no turn runs`;
    const silentMs = this.#now() - this.#lastSign;
    if (silentMs <= silenceMs) return undefined;
    return `${active} turns gave no sign for ${Math.round(silentMs / 1000)} seconds`;
  }
}
