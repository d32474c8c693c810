/** The newest frames of an adapter's session, which the adapter can request again when it resumes. */

/** Limits and start of a {@linkcode ReplayBuffer}. */
export interface ReplayBufferOptions {
  /** Default: 2000. */
  readonly maxFrames?: number;
  /** Default: 8,388,608. */
  readonly maxChars?: number;
  /** The number of the frame before the first one. Default: 0. */
  readonly before?: number;
}

/** The frames after which nothing about a request follows. */
const terminalTypes: ReadonlySet<string> = new Set([
  "response_end",
  "cancelled",
  "error",
  "proactive_message",
]);

/** Frames as wire text, numbered without gaps. */
export class ReplayBuffer {
  readonly #maxFrames: number;
  readonly #maxChars: number;
  #frames: string[] = [];
  #chars = 0;
  #before: number;

  constructor(options: ReplayBufferOptions = {}) {
    const { maxFrames = 2_000, maxChars = 8 * 1024 * 1024, before = 0 } = options;
    this.#maxFrames = maxFrames;
    this.#maxChars = maxChars;
    this.#before = before;
  }

  /** The number of the newest frame that is no longer kept; 0 if all are kept. */
  get before(): number {
    return this.#before;
  }

  /** Adds the next frame and drops the oldest ones that exceed the limits. */
  push(frame: string): void {
    this.#frames.push(frame);
    this.#chars += frame.length;
    let drop = 0;
    let chars = this.#chars;
    while (
      this.#frames.length - drop > this.#maxFrames ||
      chars > this.#maxChars && this.#frames.length - drop > 1
    ) chars -= this.#frames[drop++]!.length;
    this.#drop(drop);
  }

  /** Drops all frames up to number `seq`. */
  acknowledge(seq: number): void {
    this.#drop(Math.min(seq - this.#before, this.#frames.length));
  }

  /** Returns the frames after number `seq`, or undefined if some of them are no longer kept. */
  after(seq: number): readonly string[] | undefined {
    return seq < this.#before ? undefined : this.#frames.slice(seq - this.#before);
  }

  /** Returns the requests whose terminal frame is kept, with the number of that frame. */
  endedRequests(): Map<string, number> {
    const ended = new Map<string, number>();
    this.#frames.forEach((text, index) => {
      const { type, request_id: requestId } = JSON.parse(text);
      if (terminalTypes.has(type)) ended.set(requestId, this.#before + index + 1);
      // The reply is being sent again, or a new request uses its id.
      else ended.delete(requestId);
    });
    return ended;
  }

  #drop(count: number): void {
    if (count <= 0) return;
    for (let index = 0; index < count; index++) this.#chars -= this.#frames[index]!.length;
    this.#frames = this.#frames.slice(count);
    this.#before += count;
  }
}
