/** Collaborators for tests of the tool loop: a scripted model, tools, and a journal that records. */

import type { LlmClient, LlmEvent, LlmMessage, LlmRequest } from "../../src/llm/client.ts";
import type { FinishReason } from "../../src/domain/reply.ts";
import type { MessageOrigin, ToolCall, ToolResult } from "../../src/domain/tool_call.ts";
import type { ToolContext } from "../../src/tools/tool.ts";
import type { TurnJournal } from "../../src/turn/journal.ts";
import type { ToolLoopOptions } from "../../src/turn/tool_loop.ts";

/** The context of every call in these tests. */
export const toolContext: ToolContext = {
  nodeId: "node-1",
  platform: "test",
  requestId: "request-1",
  userId: "user-1",
  channelId: "channel-1",
  channelKey: "test:channel-1",
  sessionId: "session-1",
  message: { user: { id: "user-1" }, channel: { id: "channel-1" } },
};

/** A call of the tool `look`. */
export function callOf(id: string, fields: Partial<ToolCall> = {}): ToolCall {
  return { id, name: "look", arguments: "{}", ...fields };
}

/** A successful result. */
export function resultOf(content: string, fields: Partial<ToolResult> = {}): ToolResult {
  return { content, isError: false, files: [], durationMs: 1, ...fields };
}

/** One answer of the scripted model. */
export interface ScriptedAnswer {
  readonly text?: string | readonly string[];
  readonly reasoning?: string;
  readonly calls?: readonly ToolCall[];
  /** Default: `tool_calls` if there are calls, otherwise `stop`. */
  readonly reason?: FinishReason;
  /** Message fields that the provider wants back. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Thrown instead of the end, after the text. */
  readonly error?: Error;
}

/** A model with scripted answers that records its requests. */
export class ScriptedModel implements Pick<LlmClient, "modelOf" | "stream"> {
  readonly requests: LlmRequest[] = [];
  readonly #answers: ScriptedAnswer[];

  constructor(...answers: readonly ScriptedAnswer[]) {
    this.#answers = [...answers];
  }

  /** The messages of a request that follow the user's, abbreviated. */
  turnMessages(index: number): readonly string[] {
    return this.requests[index]!.messages.slice(1).map(show);
  }

  /** The origins of a request's assistant messages, as far as they have one. */
  originsIn(index: number): readonly MessageOrigin[] {
    return this.requests[index]!.messages.flatMap((message) =>
      message.role === "assistant" && message.origin ? [message.origin] : []
    );
  }

  modelOf(): string {
    return "scripted";
  }

  async *stream(request: LlmRequest): AsyncGenerator<LlmEvent> {
    this.requests.push(request);
    const answer = this.#answers.shift();
    if (!answer) throw new Error("The script has no more answers");
    const { text = [], reasoning, calls = [], error, fields } = answer;
    if (reasoning) yield { type: "reasoning", text: reasoning };
    for (const delta of [text].flat()) yield { type: "text", text: delta };
    await Promise.resolve();
    if (error) throw error;
    for (const call of calls) yield { type: "tool_call", call };
    const { reason = calls.length > 0 ? "tool_calls" : "stop" } = answer;
    const usage = { inputTokens: 10, outputTokens: 1 };
    yield { type: "finish", reason, usage, model: "scripted-1", fields };
  }
}

function show(message: LlmMessage): string {
  if (message.role === "assistant" && message.toolCalls) {
    return `calls ${message.toolCalls.map(({ id }) => id).join()} ${message.content}`.trim();
  }
  return `${message.role} ${message.content}`;
}

type Tools = ToolLoopOptions["tools"];

/** A tool `look`. By default it returns `seen` and the call's id. */
export class ScriptedTools implements Tools {
  readonly executed: string[] = [];
  readonly interrupted: string[] = [];
  readonly #run: Tools["execute"];

  constructor(run: Tools["execute"] = ({ id }) => Promise.resolve(resultOf(`seen ${id}`))) {
    this.#run = run;
  }

  declarations() {
    return [{ name: "look", description: "Looks around.", parameters: { type: "object" } }];
  }

  label({ id }: ToolCall) {
    return { description: `Looking at ${id}`, emoji: "👀" };
  }

  execute(call: ToolCall, context: ToolContext, signal: AbortSignal): Promise<ToolResult> {
    this.executed.push(call.id);
    return this.#run(call, context, signal);
  }

  reportInterrupted({ id }: ToolCall): void {
    this.interrupted.push(id);
  }
}

/** A journal in memory. */
export class RecordingJournal implements TurnJournal {
  /** What was recorded, in order: `round 0 a,b`, `result 0/1 text`. */
  readonly records: string[] = [];
  /** The origins of the recorded rounds. */
  readonly origins: (MessageOrigin | undefined)[] = [];
  /** Messages that join, by round. */
  readonly joining = new Map<number, readonly LlmMessage[]>();
  /** The rounds after which messages could join: fresh, or of an earlier attempt. */
  readonly joins: string[] = [];

  recordRound(
    { index, calls, origin }: {
      readonly index: number;
      readonly calls: readonly ToolCall[];
      readonly origin?: MessageOrigin;
    },
  ): Promise<void> {
    this.origins.push(origin);
    this.records.push(`round ${index} ${calls.map(({ id }) => id).join()}`);
    return Promise.resolve();
  }

  recordResult(
    { round, position, result }: {
      readonly round: number;
      readonly position: number;
      readonly result: ToolResult;
    },
  ): Promise<void> {
    this.records.push(`result ${round}/${position} ${result.content}`);
    return Promise.resolve();
  }

  join(round: number, { fresh }: { readonly fresh: boolean }): Promise<readonly LlmMessage[]> {
    this.joins.push(`${round} ${fresh ? "fresh" : "earlier"}`);
    return Promise.resolve(this.joining.get(round) ?? []);
  }
}
