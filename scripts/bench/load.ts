/** What is said in the bench. The measured side and the measuring one share it. */

/** Chunks of one reply. */
export const chunksPerReply = 20;

/** A message that the echo model answers in {@linkcode chunksPerReply} chunks. */
export const message = Array.from({ length: chunksPerReply }, (_, number) => `word-${number}`)
  .join(" ");

/** Milliseconds since the epoch, with fractions: processes of one machine compare their clocks. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
