/**
 * Whether the gateway really gets on: its store answers and its queue moves. That the event loop turns
 * shows by the asking. Asked by the watchdog; made by the gateway.
 */

import { errorText } from "./errors.ts";
import type { EventBus, EventName } from "./events.ts";
import { pause } from "./wait.ts";

/** What {@linkcode Progress} is given. */
export interface ProgressOptions {
  readonly store: { probe(): Promise<void> };
  readonly router: {
    figures(): { readonly active: number; readonly queued: number; readonly held: number };
  };
  readonly events: EventBus;
  /** Longest time without any sign of the turns that run, milliseconds. */
  readonly silenceMs: number;
  /** Longest time of the store's answer, milliseconds. Default: 10,000. */
  readonly storeMs?: number;
  readonly now?: () => number;
}

/** What only a turn that gets on emits. */
const signs: ReadonlySet<EventName> = new Set<EventName>([
  "message:sent",
  "message:cancelled",
  "message:error",
  "tool:start",
  "tool:end",
  "tool:error",
]);

export class Progress {
  readonly #options: ProgressOptions;
  readonly #now: () => number;
  #lastSign: number;
  /** Whether at the last look something waited and nothing ran. */
  #idleQueue = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#lastSign = this.#now();
    options.events.subscribe(({ name }) => {
      if (signs.has(name)) this.#lastSign = this.#now();
    });
  }

  /** What stands still, in words; undefined when all gets on. */
  async standstill(): Promise<string | undefined> {
    return await this.#storeStandstill() ?? this.#queueStandstill();
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
    if (active === 0) this.#lastSign = this.#now();
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
