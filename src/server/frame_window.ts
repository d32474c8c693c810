/** The frames that an adapter may still ask for again, the newest of its session. Used by its link. */

import type { WireFrame } from "../protocol/encode.ts";

/** How much is kept. */
export interface FrameWindowOptions {
  /** Frames. Default: 2000. */
  readonly maxFrames?: number;
  /** Characters of text. Default: 8,388,608. */
  readonly maxChars?: number;
}

interface KeptFrame {
  readonly seq: number;
  readonly frame: WireFrame;
  readonly chars: number;
}

/** Frames in the order of their numbers, which rise by one. */
export class FrameWindow {
  readonly #maxFrames: number;
  readonly #maxChars: number;
  #frames: KeptFrame[] = [];
  #chars = 0;
  #before = 0;

  constructor({ maxFrames = 2_000, maxChars = 8 * 1024 * 1024 }: FrameWindowOptions = {}) {
    this.#maxFrames = maxFrames;
    this.#maxChars = maxChars;
  }

  /** The number of the newest frame that is not kept (any more); 0 where all are. */
  get before(): number {
    return this.#before;
  }

  /** Keeps a frame; the oldest make room. */
  push(seq: number, frame: WireFrame): void {
    const chars = charsOf(frame);
    this.#frames.push({ seq, frame, chars });
    this.#chars += chars;
    let drop = 0;
    while (
      this.#frames.length - drop > this.#maxFrames ||
      this.#chars > this.#maxChars && this.#frames.length - drop > 1
    ) {
      this.#chars -= this.#frames[drop]!.chars;
      drop++;
    }
    if (drop > 0) this.#forget(drop);
  }

  /** Forgets what has arrived. */
  acknowledge(seq: number): void {
    let count = 0;
    while (count < this.#frames.length && this.#frames[count]!.seq <= seq) {
      this.#chars -= this.#frames[count]!.chars;
      count++;
    }
    if (count > 0) this.#forget(count);
  }

  /** The frames after number `seq`; undefined where some of them are not kept any more. */
  after(seq: number): readonly WireFrame[] | undefined {
    if (seq < this.#before) return undefined;
    return this.#frames.filter((kept) => kept.seq > seq).map(({ frame }) => frame);
  }

  #forget(count: number): void {
    this.#before = this.#frames[count - 1]!.seq;
    this.#frames = this.#frames.slice(count);
  }
}

/** About what a frame takes up: the characters of its longest field. */
function charsOf(frame: WireFrame): number {
  if (!("content" in frame)) return 200;
  let chars = 200 + frame.content.length;
  if ("files" in frame) frame.files?.forEach((file) => chars += file.content_base64.length);
  return chars;
}
