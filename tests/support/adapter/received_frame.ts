/** A frame as an adapter got it. The adapter client records them; tests look at them. */

/** Any frame from the gateway: the fields that tests ask for by their types, the rest unknown. */
export interface ReceivedFrame {
  readonly type: string;
  /** `performance.now()` of its arrival. */
  readonly at: number;
  readonly request_id?: string | null;
  readonly seq?: number;
  readonly content?: string;
  readonly done?: boolean;
  readonly chunk?: string;
  readonly full_text?: string;
  readonly code?: string;
  readonly message?: string;
  readonly recoverable?: boolean;
  readonly state?: string;
  readonly position?: number;
  readonly status?: string;
  readonly tool_name?: string;
  readonly node_id?: string;
  readonly session_id?: string;
  readonly resumed?: boolean;
  readonly [field: string]: unknown;
}

/** The frames of one request up to its end. */
export interface ReceivedReply {
  /** All frames of the request, in order. */
  readonly frames: readonly ReceivedFrame[];
  /** The chunks since the last `response_start`, put together. */
  readonly text: string;
  /** `response_end`, `cancelled`, `error` or `proactive_message`. */
  readonly terminal: ReceivedFrame;
}

const terminals = new Set(["response_end", "cancelled", "error", "proactive_message"]);

/** Whether a frame ends its request. */
export function isTerminal({ type }: ReceivedFrame): boolean {
  return terminals.has(type);
}

/** The chunks since the last `response_start`, put together, in either dialect. */
export function textOfChunks(frames: readonly ReceivedFrame[]): string {
  const start = frames.findLastIndex(({ type }) => type === "response_start");
  return frames.slice(start + 1)
    .filter(({ type }) => type === "response_chunk")
    .map(({ content, chunk }) => content ?? chunk ?? "")
    .join("");
}
