/**
 * One reply on its way to its adapter. It remembers what was sent over which link: a new link gets
 * the reply from its beginning, an absent adapter gets it when it is back. `start` begins a reply
 * anew, so an adapter drops the chunks that came before it.
 */

import type { Dialect, Tier } from "../domain/message.ts";
import type { ReplyFrame } from "../domain/reply.ts";
import type { Outcome } from "../domain/request.ts";
import type { ReplyConnection, ReplyTransport } from "./port.ts";

/** Which reply it is, and where it goes. */
export interface ReplyOptions {
  readonly nodeId: string;
  readonly requestId: string;
  readonly dialect: Dialect;
  readonly model: string;
  readonly tier: Tier;
  /** Whether nobody asked: nothing is shown before the end, which is one frame. */
  readonly proactive?: boolean;
  /** The link that was sent all of it already. */
  readonly sentOver?: ReplyConnection;
  readonly outlet: ReplyTransport;
}

/** A step without the ids, which the reply adds. */
type BareFrame = DistributiveOmit<ReplyFrame, "requestId" | "responseId">;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

export class Reply {
  readonly #options: ReplyOptions;
  readonly #responseId: string;
  /** All text so far. */
  #text = "";
  /**
   * The part of it that the current link has not been sent; undefined where the link came after the
   * end, and gets the reply whole.
   */
  #pending?: string = "";
  #link?: ReplyConnection;
  #waitsForLink = false;
  #outcome?: Outcome;
  /** The link that was sent the terminal frame. */
  #endedOn?: ReplyConnection;

  constructor(options: ReplyOptions) {
    this.#options = options;
    this.#responseId = `resp-${crypto.randomUUID()}`;
    if (!options.sentOver) return;
    this.#link = this.#endedOn = options.sentOver;
    this.#pending = undefined;
  }

  get nodeId(): string {
    return this.#options.nodeId;
  }

  get model(): string {
    return this.#options.model;
  }

  get tier(): Tier {
    return this.#options.tier;
  }

  /** All text so far, shown or not. */
  get text(): string {
    return this.#text;
  }

  /** Tells the adapter that its reply begins, if it is there. */
  start(): void {
    this.#sync();
  }

  /** Adds text; it leaves at once if the adapter is there and keeps up. */
  add(text: string): void {
    this.#text += text;
    this.#pending = (this.#pending ?? "") + text;
    this.#sync();
  }

  /** Tells of a tool. An adapter that is away does not hear of it later. */
  tool(frame: Extract<BareFrame, { type: "tool_started" | "tool_finished" }>): void {
    if (this.#options.proactive) return;
    this.#sync();
    const link = this.#link;
    if (!link) return;
    // Text that was held back comes first: it was said first.
    if (link.streaming) this.#sendHeldBack(link);
    this.#send(link, frame);
  }

  /** Brings the adapter up to date, over a new link if it has one. */
  sync(): void {
    this.#sync();
  }

  /**
   * Sends the end, which must be durable by now. Gives true when the adapter has been sent the whole
   * reply, false when it is away.
   */
  async finish(outcome: Outcome): Promise<boolean> {
    this.#outcome = outcome;
    if (isSilent(outcome)) return true;
    for (;;) {
      this.#sync();
      const link = this.#link;
      if (!link) return false;
      const { nodeId, requestId, outlet, sentOver } = this.#options;
      if (await link.flushed(link === sentOver ? requestId : undefined)) return true;
      if (outlet.connection(nodeId) === link) return false;
      // It closed before it had sent all; an adapter that is back already gets it all again.
    }
  }

  #sync(): void {
    if (this.#options.proactive && !this.#outcome) return;
    const link = this.#options.outlet.connection(this.#options.nodeId);
    if (link !== this.#link) {
      this.#link = link;
      this.#pending = this.#outcome ? undefined : this.#text;
      if (link && this.#hasStart()) {
        const { model, tier } = this.#options;
        this.#send(link, { type: "start", model, tier });
      }
    }
    if (!link || this.#endedOn === link) return;
    if (this.#outcome) this.#sendEnd(link, this.#outcome);
    else this.#sendPending(link);
  }

  /** A request that ended without having run has nothing to start. */
  #hasStart(): boolean {
    return this.#outcome === undefined || this.#outcome.type === "reply";
  }

  #sendPending(link: ReplyConnection): void {
    if (!this.#pending || !link.streaming) return;
    if (link.writable) this.#sendHeldBack(link);
    else if (!this.#waitsForLink) {
      this.#waitsForLink = true;
      link.whenWritable(() => {
        this.#waitsForLink = false;
        this.#sync();
      });
    }
  }

  #sendHeldBack(link: ReplyConnection): void {
    if (this.#pending) this.#send(link, { type: "chunk", text: this.#pending, done: false });
    this.#pending = "";
  }

  #sendEnd(link: ReplyConnection, outcome: Outcome): void {
    this.#endedOn = link;
    if (outcome.type === "reply") {
      if (this.#pending !== undefined) {
        this.#send(link, { type: "chunk", text: this.#pending, done: true });
      }
      this.#send(link, { ...outcome, type: "end" });
    } else if (outcome.type === "error") {
      if (link.streaming) this.#sendHeldBack(link);
      const { partialText: _, ...error } = outcome;
      this.#send(link, error);
    } else if (outcome.type === "proactive") {
      const { error: _, ...message } = outcome;
      this.#send(link, message);
    } else {
      this.#send(link, outcome);
    }
    this.#pending = undefined;
  }

  #send(link: ReplyConnection, frame: BareFrame): void {
    const { requestId } = this.#options;
    const dialect = frame.type === "proactive" ? link.dialect : this.#options.dialect;
    link.send(dialect, { ...frame, requestId, responseId: this.#responseId } as ReplyFrame);
  }
}

/** Whether nothing of it leaves: nobody asked, and there is nothing to say. */
function isSilent(outcome: Outcome): boolean {
  return outcome.type === "proactive" && outcome.text.trim() === "" && outcome.files.length === 0;
}
