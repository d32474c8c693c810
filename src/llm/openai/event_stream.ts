/**
 * Server-sent events of a response body, read as raw bytes so that comments and empty events count as
 * signs of life. Parsing is `eventsource-parser`'s; what is added here tolerates servers that end without a
 * blank line, and bounds the size of an event.
 */

import { createParser } from "eventsource-parser";

/** Options of {@linkcode readEventStream}. */
export interface EventStreamOptions {
  /** Called for every piece of the body, whatever it holds. */
  readonly onBytes: () => void;
  /** Longest event, characters. A longer one ends the stream with a {@linkcode EventTooLargeError}. */
  readonly maxEventChars: number;
}

/** A server sent an event, or a line without end, beyond the limit. */
export class EventTooLargeError extends Error {
  override readonly name = "EventTooLargeError";
}

/** Yields the data of the events, all events of one piece of the body at once. */
export async function* readEventStream(
  body: AsyncIterable<Uint8Array>,
  { onBytes, maxEventChars }: EventStreamOptions,
): AsyncGenerator<readonly string[]> {
  let events: string[] = [];
  let pendingChars = 0;
  const parser = createParser({
    onEvent: ({ data }) => {
      events.push(data);
      pendingChars = 0;
    },
    // A comment is not part of an event.
    onComment: () => pendingChars = 0,
  });
  const decoder = new TextDecoder();
  const feed = (text: string): readonly string[] => {
    pendingChars += text.length;
    parser.feed(text);
    const found = events;
    events = [];
    if (pendingChars > maxEventChars) {
      throw new EventTooLargeError(`An event exceeds ${maxEventChars} characters`);
    }
    return found;
  };
  for await (const bytes of body) {
    onBytes();
    const found = feed(decoder.decode(bytes, { stream: true }));
    if (found.length > 0) yield found;
  }
  // The specification drops an event without a blank line after it; providers mean it.
  const last = feed(`${decoder.decode()}\n\n`);
  if (last.length > 0) yield last;
}
