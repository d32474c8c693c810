/** Which requests frames bring to their end. Asked by the link about a session of an earlier process. */

/** Frames after which nothing of a request follows. */
const terminals: ReadonlySet<unknown> = new Set([
  "response_end",
  "cancelled",
  "error",
  "proactive_message",
]);

/** The requests whose last frame among those after number `before` is their end, and its number. */
export function endsIn(frames: readonly string[], before: number): Map<string, number> {
  const ended = new Map<string, number>();
  for (const [index, text] of frames.entries()) {
    const { type, request_id: requestId } = JSON.parse(text) as {
      readonly type: string;
      readonly request_id: string;
    };
    if (terminals.has(type)) ended.set(requestId, before + 1 + index);
    else ended.delete(requestId);
  }
  return ended;
}
