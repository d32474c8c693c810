/**
 * Decides which request runs next: one turn at a time per channel, and up to a limit of channels at
 * once. The intake adds requests; `handle` runs them.
 */

import { errorText } from "../lib/error_text.ts";
import { Semaphore } from "../lib/semaphore.ts";
import { GatewayError } from "../domain/errors.ts";
import { logger } from "../logging/log.ts";
import type { QueuedRequest, RequestKey } from "../domain/request.ts";
import { Channel, type TakeWaiting } from "./channel.ts";
import { ByteQuota } from "./byte_quota.ts";

const log = logger("queue");

/** Options of a {@linkcode Router}. */
export interface RouterOptions {
  /** Runs a turn. Must not throw, and must end soon after the signal aborts. */
  readonly handle: (
    request: QueuedRequest,
    signal: AbortSignal,
    takeWaiting: TakeWaiting,
  ) => Promise<void>;
  /** Finishes a request that was cancelled while it waited. Must not throw. */
  readonly discard: (request: QueuedRequest) => Promise<void>;
  /** The router aborts it during `stop`: when all turns have ended or the drain time is over. */
  readonly drained: AbortController;
  /** Maximum number of concurrent turns. */
  readonly concurrentTurns: number;
  /** Maximum number of waiting requests per channel. */
  readonly queuedPerChannel: number;
  /** Maximum bytes of all unanswered messages. */
  readonly queuedBytes: number;
  /** How long a channel must be quiet before collected messages are answered, milliseconds. */
  readonly collectMs: number;
}

/** Current load, as shown by `/health`. */
export interface RouterFigures {
  /** Running turns. */
  readonly active: number;
  /** Waiting requests. */
  readonly queued: number;
  readonly channels: number;
  /** Channels that are still collecting messages. */
  readonly held: number;
  /** Bytes of all messages that are being committed, waiting or running. */
  readonly bytes: number;
}

/** A place in a channel's queue, reserved while its message is being committed. */
export interface QueueReservation {
  readonly full?: undefined;
  /**
   * Whether the turn can start as soon as the message is committed. If so, the message may be claimed
   * in the same transaction.
   */
  readonly startsNow: boolean;
  /** Fills the place with the committed request. Returns its position, as {@linkcode Router.enqueue} does. */
  enqueue(request: QueuedRequest): number;
  /** Gives the place back. */
  release(): void;
}

/** Why nothing can be reserved: the limit of the channel, or the byte quota. */
export interface QueueFull {
  readonly full: "channel" | "bytes";
}

/** Queues and runs requests. All methods except `stop` are synchronous, so there are no races. */
export class Router {
  readonly #options: RouterOptions;
  readonly #channels = new Map<string, Channel>();
  /** Channels that could run a turn, oldest first, so that all get their share. */
  readonly #ready: Channel[] = [];
  /** All waiting and running requests, by adapter and request id. */
  readonly #requests = new Map<string, QueuedRequest>();
  readonly #quota: ByteQuota;
  /** Taken by running turns, and by reservations whose turn is about to start. */
  readonly #slots: Semaphore;
  #active = 0;
  #queued = 0;
  #stopping = false;
  #onIdle?: () => void;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#quota = new ByteQuota(options.queuedBytes);
    this.#slots = new Semaphore(options.concurrentTurns);
  }

  /** Whether a turn is running in a channel, or a message is waiting or being committed. */
  isBusy(channelKey: string): boolean {
    const channel = this.#channels.get(channelKey);
    return channel !== undefined && (channel.running !== undefined || channel.taken > 0);
  }

  /** Reserves a place in a channel's queue and the message's bytes, within the limits. */
  reserve(
    { channelKey, nodeId, bytes }: Pick<QueuedRequest, "channelKey" | "nodeId" | "bytes">,
  ): QueueReservation | QueueFull {
    const known = this.#channels.get(channelKey);
    const taken = known?.taken ?? 0;
    // If no turn is running, the first message does not wait.
    const places = this.#options.queuedPerChannel + (known?.running ? 0 : 1);
    if (taken >= places) return { full: "channel" };
    if (!this.#quota.fits(nodeId, bytes)) return { full: "bytes" };
    const channel = known ?? this.#channel(channelKey);
    const startsNow = taken === 0 && !channel.occupied && !channel.debounce.active &&
      this.#hasSlot();
    const slot = startsNow ? this.#slots.tryAcquire() : undefined;
    channel.reserved++;
    this.#quota.add(nodeId, bytes);
    if (startsNow) channel.starting = true;
    const release = () => {
      channel.reserved--;
      this.#quota.remove(nodeId, bytes);
      if (!startsNow) return;
      channel.starting = false;
      slot?.[Symbol.dispose]();
    };
    return {
      startsNow,
      enqueue: (request) => {
        release();
        if (request.begun) return this.#begin(channel, request);
        const position = this.enqueue(request);
        if (startsNow) this.#runReady();
        return position;
      },
      release: () => {
        release();
        this.#markReady(channel);
        this.#dropIfIdle(channel);
        if (startsNow) this.#runReady();
      },
    };
  }

  /** Adds a request. Returns its position in the queue from 1, or 0 if it is already running. */
  enqueue(request: QueuedRequest): number {
    const channel = this.#channel(request.channelKey);
    this.#register(request);
    channel.queue.push(request);
    this.#queued++;
    const { running, debounce } = channel;
    if (request.overlap === "interrupt" && running) {
      running.abort.abort(cancelled("The request was interrupted by a newer message."));
    }
    if (request.overlap === "collect" && !channel.occupied) debounce.extend();
    else debounce.cancel();
    this.#markReady(channel);
    this.#runReady();
    return this.position(request) ?? 0;
  }

  /** Position of a request from 1, 0 if it is running, undefined if it is neither waiting nor running. */
  position(request: RequestKey): number | undefined {
    const known = this.#requests.get(keyOf(request));
    if (!known) return undefined;
    const channel = this.#channels.get(known.channelKey)!;
    return channel.running?.request === known ? 0 : channel.queue.position(known);
  }

  /** Cancels a request. Returns false if it is neither waiting nor running. */
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
    this.#quota.remove(known.nodeId, known.bytes);
    this.#requests.delete(keyOf(known));
    this.#dropIfIdle(channel);
    this.#options.discard(known).catch((error) => this.#logBug("discard", error));
    return true;
  }

  /** Cancels all requests of an adapter in a channel, waiting ones first. Returns their number. */
  cancelChannel(options: { readonly nodeId: string; readonly channelKey: string }): number {
    const channel = this.#channels.get(options.channelKey);
    if (!channel) return 0;
    const running = channel.running ? [channel.running.request] : [];
    const own = [...channel.queue, ...running].filter(({ nodeId }) => nodeId === options.nodeId);
    return own.filter((request) => this.cancel(request)).length;
  }

  /** The figures sent with each `status`; unlike {@linkcode figures} it does not visit all channels. */
  get load(): Pick<RouterFigures, "active" | "queued"> {
    return { active: this.#active, queued: this.#queued };
  }

  figures(): RouterFigures {
    let held = 0;
    for (const { debounce } of this.#channels.values()) if (debounce.active) held++;
    return { ...this.load, channels: this.#channels.size, held, bytes: this.#quota.total };
  }

  /**
   * Starts no more turns and waits for the running ones. After `drainMs` it aborts those that are left
   * with `shutting_down`. Resolves when no turn is running.
   */
  async stop(options: { readonly drainMs: number }): Promise<void> {
    this.#stopping = true;
    const idle = new Promise<void>((resolve) => this.#onIdle = resolve);
    this.#notifyIfIdle();
    for (const { debounce } of this.#channels.values()) debounce.cancel();
    const { drained } = this.#options;
    const timer = setTimeout(() => {
      drained.abort();
      for (const { running } of this.#channels.values()) running?.abort.abort(stopping());
    }, options.drainMs);
    await idle;
    clearTimeout(timer);
    drained.abort();
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
    this.#markReady(channel);
    this.#runReady();
  };

  #dropIfIdle(channel: Channel): void {
    if (!channel.idle) return;
    channel.debounce.cancel();
    this.#channels.delete(channel.key);
  }

  #markReady(channel: Channel): void {
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
      } else this.#dropIfIdle(channel);
    }
    this.#notifyIfIdle();
  }

  #hasSlot(): boolean {
    return !this.#stopping && this.#slots.free;
  }

  /** Call this after each change, once a released turn has had the chance to start. */
  #notifyIfIdle(): void {
    if (this.#slots.taken === 0) this.#onIdle?.();
  }

  /** Runs a request that is already claimed, in the turn reserved for it. */
  #begin(channel: Channel, request: QueuedRequest): number {
    this.#register(request);
    this.#run(channel, request);
    return 0;
  }

  #register(request: QueuedRequest): void {
    this.#quota.add(request.nodeId, request.bytes);
    this.#requests.set(keyOf(request), request);
  }

  #takeWaiting(
    channel: Channel,
    absorbed: QueuedRequest[],
    matches: (request: QueuedRequest) => boolean,
  ): readonly QueuedRequest[] {
    const taken = channel.queue.take(matches);
    absorbed.push(...taken);
    this.#queued -= taken.length;
    for (const request of taken) this.#requests.delete(keyOf(request));
    return taken;
  }

  async #run(channel: Channel, request: QueuedRequest): Promise<void> {
    const abort = new AbortController();
    const absorbed: QueuedRequest[] = [];
    channel.running = { request, absorbed, abort };
    const slot = this.#slots.tryAcquire();
    this.#active++;
    // The drain time ended while the message was being committed.
    if (this.#options.drained.signal.aborted) abort.abort(stopping());
    try {
      const takeWaiting: TakeWaiting = (matches) => this.#takeWaiting(channel, absorbed, matches);
      await this.#options.handle(request, abort.signal, takeWaiting);
    } catch (error) {
      this.#logBug("handle", error);
    }
    channel.running = undefined;
    slot?.[Symbol.dispose]();
    this.#active--;
    for (const { nodeId, bytes } of [request, ...absorbed]) this.#quota.remove(nodeId, bytes);
    this.#requests.delete(keyOf(request));
    this.#markReady(channel);
    this.#dropIfIdle(channel);
    this.#runReady();
  }

  #logBug(method: string, error: unknown): void {
    log.error("Bug: {method} threw: {error}", { method, error: errorText(error) });
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
