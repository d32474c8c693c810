/** Messages of the bench, shared by the measuring and the measured processes. */

/** Chunks of one reply. */
export const chunksPerReply = 20;

/** A message that the echo model answers in {@linkcode chunksPerReply} chunks. */
export const message = Array.from({ length: chunksPerReply }, (_, number) => `word-${number}`)
  .join(" ");

/** Milliseconds since the epoch, with fractions, comparable between processes of one machine. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
