/**
 * Who runs when: one turn at a time in a channel, any number of channels at once up to a cap. Fed by
 * the intake; hands each request to `handle`, of which it knows nothing more.
 */

import { errorText } from "../lib/error_text.ts";
import { Semaphore } from "../lib/semaphore.ts";
import { GatewayError } from "../domain/errors.ts";
import { logger } from "../logging/log.ts";
import type { QueuedRequest, RequestKey } from "../domain/request.ts";
import { Channel, type TakeWaiting } from "./channel.ts";
import { ByteQuota } from "./quotas.ts";
import { noReservation, type QueueReservation } from "./reservation.ts";

const log = logger("queue");

/** What a {@linkcode Router} is given. */
export interface RouterOptions {
  /** Runs a turn to its end. Must not throw; it ends soon after the signal aborts. */
  readonly handle: (
    request: QueuedRequest,
    signal: AbortSignal,
    takeWaiting: TakeWaiting,
  ) => Promise<void>;
  /** Ends a request that was cancelled while it waited. Must not throw. */
  readonly discard: (request: QueuedRequest) => Promise<void>;
  /** Is aborted when the drain time of a stop is over, or all turns are done before. */
  readonly giveUp: AbortController;
  /** Turns that may run at once, over all channels. */
  readonly concurrentTurns: number;
  /** Requests that may wait in one channel. */
  readonly queuedPerChannel: number;
  /** Bytes of all messages that are not answered yet. */
  readonly queuedBytes: number;
  /** How long it must be quiet in a channel before what it collects is answered, milliseconds. */
  readonly collectMs: number;
}

/** How many turns run and how many requests wait. */
export interface RouterFigures {
  readonly active: number;
  readonly queued: number;
  readonly channels: number;
  /** Channels that wait for more of what they collect. */
  readonly held: number;
  /** Of the messages that are being committed, wait or run. */
  readonly bytes: number;
}

/** Orders requests and runs them. All its methods but `stop` are synchronous: no gap, no race. */
export class Router {
  readonly #options: RouterOptions;
  readonly #channels = new Map<string, Channel>();
  /** Channels that could run, in the order in which they became able to: the fair share of turns. */
  readonly #ready: Channel[] = [];
  /** Every request that waits or runs, by adapter and request id. */
  readonly #requests = new Map<string, QueuedRequest>();
  readonly #bytes: ByteQuota;
  /** Held by running turns, and by reservations whose turn is about to begin. */
  readonly #slots: Semaphore;
  #active = 0;
  #queued = 0;
  #stopping = false;
  #whenIdle?: () => void;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#bytes = new ByteQuota(options.queuedBytes);
    this.#slots = new Semaphore(options.concurrentTurns);
  }

  /** Whether a turn runs in a channel, or a message waits or is being committed. */
  busy(channelKey: string): boolean {
    const channel = this.#channels.get(channelKey);
    return channel !== undefined && (channel.running !== undefined || channel.taken > 0);
  }

  /** Keeps a place in a channel's queue, and the message's bytes, where the limits allow it. */
  reserve(
    { channelKey, nodeId, bytes }: Pick<QueuedRequest, "channelKey" | "nodeId" | "bytes">,
  ): QueueReservation {
    const known = this.#channels.get(channelKey);
    const taken = known?.taken ?? 0;
    // One more where none runs: the first does not wait.
    const places = this.#options.queuedPerChannel + (known?.running ? 0 : 1);
    if (taken >= places) return noReservation("channel");
    if (!this.#bytes.fits(nodeId, bytes)) return noReservation("bytes");
    const channel = known ?? this.#channel(channelKey);
    const next = taken === 0 && !channel.occupied && !channel.hold.on && this.#hasSlot();
    const slot = next ? this.#slots.tryAcquire() : undefined;
    channel.reserved++;
    this.#bytes.add(nodeId, bytes);
    if (next) {
      channel.starting = true;
    }
    const leave = () => {
      channel.reserved--;
      this.#bytes.remove(nodeId, bytes);
      if (!next) return;
      channel.starting = false;
      slot?.[Symbol.dispose]();
    };
    return {
      next,
      enter: (request) => {
        leave();
        if (request.begun) return this.#begin(channel, request);
        const position = this.enqueue(request);
        if (next) this.#runReady();
        return position;
      },
      release: () => {
        leave();
        this.#makeReady(channel);
        this.#forget(channel);
        if (next) this.#runReady();
      },
    };
  }

  /** Takes a request; gives its place in the queue, from 1, or 0 when it runs already. */
  enqueue(request: QueuedRequest): number {
    const channel = this.#channel(request.channelKey);
    this.#note(request);
    channel.queue.push(request);
    this.#queued++;
    const { running, hold } = channel;
    if (request.overlap === "interrupt" && running) {
      running.abort.abort(cancelled("A newer message has interrupted the request."));
    }
    if (request.overlap === "collect" && !channel.occupied) hold.prolong();
    else hold.release();
    this.#makeReady(channel);
    this.#runReady();
    return this.position(request) ?? 0;
  }

  /** The place of a request in its queue, from 1; 0 when it runs; undefined when it is not here. */
  position(request: RequestKey): number | undefined {
    const known = this.#requests.get(keyOf(request));
    if (!known) return undefined;
    const channel = this.#channels.get(known.channelKey)!;
    return channel.running?.request === known ? 0 : channel.queue.position(known);
  }

  /** Cancels a request that waits or runs; false when it does neither. */
  cancel(request: RequestKey): boolean {
    const known = this.#requests.get(keyOf(request));
    if (!known) return false;
    const channel = this.#channels.get(known.channelKey)!;
    if (channel.running?.request === known) {
      channel.running.abort.abort(cancelled("The request was cancelled."));
      return true;
    }
    channel.queue.remove(known);
    this.#queued--;
    this.#bytes.remove(known.nodeId, known.bytes);
    this.#requests.delete(keyOf(known));
    this.#forget(channel);
    this.#options.discard(known).catch((error) => this.#bug("discard", error));
    return true;
  }

  /** Cancels all requests of an adapter in a channel, the waiting ones first; gives their count. */
  cancelChannel(options: { readonly nodeId: string; readonly channelKey: string }): number {
    const channel = this.#channels.get(options.channelKey);
    if (!channel) return 0;
    const running = channel.running ? [channel.running.request] : [];
    const own = [...channel.queue, ...running].filter(({ nodeId }) => nodeId === options.nodeId);
    return own.filter((request) => this.cancel(request)).length;
  }

  /** What each waiting message is told: at once, however many channels there are. */
  get load(): Pick<RouterFigures, "active" | "queued"> {
    return { active: this.#active, queued: this.#queued };
  }

  figures(): RouterFigures {
    let held = 0;
    for (const { hold } of this.#channels.values()) if (hold.on) held++;
    return { ...this.load, channels: this.#channels.size, held, bytes: this.#bytes.total };
  }

  /**
   * Starts no more turns and waits for the running ones. Those that are not done after `drainMs` are
   * aborted with `shutting_down`. Resolves when none runs.
   */
  async stop(options: { readonly drainMs: number }): Promise<void> {
    this.#stopping = true;
    const idle = new Promise<void>((resolve) => this.#whenIdle = resolve);
    this.#settle();
    for (const { hold } of this.#channels.values()) hold.release();
    const { giveUp } = this.#options;
    const timer = setTimeout(() => {
      giveUp.abort();
      for (const { running } of this.#channels.values()) running?.abort.abort(stopping());
    }, options.drainMs);
    await idle;
    clearTimeout(timer);
    giveUp.abort();
  }

  #channel(key: string): Channel {
    let channel = this.#channels.get(key);
    if (!channel) {
      const { collectMs } = this.#options;
      this.#channels.set(key, channel = new Channel(key, { collectMs, onQuiet: this.#onQuiet }));
    }
    return channel;
  }

  readonly #onQuiet = (channel: Channel) => {
    this.#makeReady(channel);
    this.#runReady();
  };

  #forget(channel: Channel): void {
    if (!channel.idle) return;
    channel.hold.release();
    this.#channels.delete(channel.key);
  }

  #makeReady(channel: Channel): void {
    if (!channel.startable) return;
    channel.ready = true;
    this.#ready.push(channel);
  }

  #runReady(): void {
    while (this.#hasSlot()) {
      const channel = this.#ready.shift();
      if (!channel) break;
      channel.ready = false;
      const request = channel.queue.shift();
      if (request) {
        this.#queued--;
        this.#run(channel, request);
      } else this.#forget(channel);
    }
    this.#settle();
  }

  #hasSlot(): boolean {
    return !this.#stopping && this.#slots.free;
  }

  /** Called once everything that follows a change is done: a reserved turn may have begun. */
  #settle(): void {
    if (this.#slots.taken === 0) this.#whenIdle?.();
  }

  /** Runs a request that has been claimed already: its turn was kept for it, whatever has come since. */
  #begin(channel: Channel, request: QueuedRequest): number {
    this.#note(request);
    this.#run(channel, request);
    return 0;
  }

  #note(request: QueuedRequest): void {
    this.#bytes.add(request.nodeId, request.bytes);
    this.#requests.set(keyOf(request), request);
  }

  #take(
    channel: Channel,
    joined: QueuedRequest[],
    fits: (request: QueuedRequest) => boolean,
  ): readonly QueuedRequest[] {
    const taken = channel.queue.take(fits);
    joined.push(...taken);
    this.#queued -= taken.length;
    for (const request of taken) this.#requests.delete(keyOf(request));
    return taken;
  }

  async #run(channel: Channel, request: QueuedRequest): Promise<void> {
    const abort = new AbortController();
    const joined: QueuedRequest[] = [];
    channel.running = { request, joined, abort };
    const slot = this.#slots.tryAcquire();
    this.#active++;
    // It was being committed when the time of a stop was over.
    if (this.#options.giveUp.signal.aborted) abort.abort(stopping());
    try {
      const take: TakeWaiting = (fits) => this.#take(channel, joined, fits);
      await this.#options.handle(request, abort.signal, take);
    } catch (error) {
      this.#bug("handle", error);
    }
    channel.running = undefined;
    slot?.[Symbol.dispose]();
    this.#active--;
    for (const { nodeId, bytes } of [request, ...joined]) this.#bytes.remove(nodeId, bytes);
    this.#requests.delete(keyOf(request));
    this.#makeReady(channel);
    this.#forget(channel);
    this.#runReady();
  }

  #bug(where: string, error: unknown): void {
    log.error("{where} failed, which it must not: {error}", { where, error: errorText(error) });
  }
}

function cancelled(message: string): GatewayError {
  return new GatewayError("cancelled", message);
}

function stopping(): GatewayError {
  return new GatewayError("shutting_down", "The gateway is stopping.");
}

function keyOf(request: RequestKey): string {
  return `${request.nodeId}\n${request.requestId}`;
}
