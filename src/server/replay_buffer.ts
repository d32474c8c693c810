/** The frames that an adapter may still ask for again, the newest of its session. Used by its link. */

/** How much is kept. */
export interface ReplayBufferOptions {
  /** Frames. Default: 2000. */
  readonly maxFrames?: number;
  /** Characters. Default: 8,388,608. */
  readonly maxChars?: number;
  /** The number after which it begins. Default: 0. */
  readonly before?: number;
}

/** Frames, as the texts that go over the wire, in the order of their numbers, which rise by one. */
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

  /** The number of the newest frame that is not kept (any more); 0 where all are. */
  get before(): number {
    return this.#before;
  }

  /** Keeps the next frame; the oldest make room. */
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

  /** Forgets what has arrived. */
  acknowledge(seq: number): void {
    this.#drop(Math.min(seq - this.#before, this.#frames.length));
  }

  /** The frames after number `seq`; undefined where some of them are not kept any more. */
  after(seq: number): readonly string[] | undefined {
    return seq < this.#before ? undefined : this.#frames.slice(seq - this.#before);
  }

  #drop(count: number): void {
    if (count <= 0) return;
    for (let index = 0; index < count; index++) this.#chars -= this.#frames[index]!.length;
    this.#frames = this.#frames.slice(count);
    this.#before += count;
  }
}
