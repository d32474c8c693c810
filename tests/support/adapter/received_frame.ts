/** Frames as an adapter receives them. */

/** Any frame from the gateway; fields that tests read are typed. */
export interface ReceivedFrame {
  readonly type: string;
  /** `performance.now()` on arrival. */
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
  /** The chunks since the last `response_start`, joined. */
  readonly text: string;
  /** `response_end`, `cancelled`, `error` or `proactive_message`. */
  readonly terminal: ReceivedFrame;
}

const terminals = new Set(["response_end", "cancelled", "error", "proactive_message"]);

/** Whether a frame ends its request. */
export function isTerminal({ type }: ReceivedFrame): boolean {
  return terminals.has(type);
}

/** Joins the chunks since the last `response_start`, in either dialect. */
export function textOfChunks(frames: readonly ReceivedFrame[]): string {
  const start = frames.findLastIndex(({ type }) => type === "response_start");
  return frames.slice(start + 1)
    .filter(({ type }) => type === "response_chunk")
    .map(({ content, chunk }) => content ?? chunk ?? "")
    .join("");
}
