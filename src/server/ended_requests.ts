/** Which requests frames bring to their end. Asked by the link about a session of an earlier process. */

/** Frames after which nothing of a request follows. */
const terminals: ReadonlySet<unknown> = new Set([
  "response_end",
  "cancelled",
  "error",
  "proactive_message",
]);

/** The ids of the requests whose last frame among these texts is their end. */
export function requestsEndedIn(frames: readonly string[]): Set<string> {
  const ended = new Set<string>();
  for (const text of frames) {
    const { type, request_id: requestId } = JSON.parse(text) as {
      readonly type: string;
      readonly request_id: string;
    };
    if (terminals.has(type)) ended.add(requestId);
    else ended.delete(requestId);
  }
  return ended;
}
