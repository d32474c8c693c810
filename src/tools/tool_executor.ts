/**
 * Runs one call of a tool: finds it, reads its arguments, runs it within its time, cuts its output.
 * Whatever goes wrong becomes a result that tells the model; only a cancelled turn throws.
 */

import type { z } from "zod";
import { errorText } from "../errors.ts";
import type { EventBus } from "../events.ts";
import { logger } from "../log.ts";
import type { ReplyFile } from "../protocol/reply_frame.ts";
import type { ToolCall, ToolResult } from "../store/request_store.ts";
import { Deadline } from "./deadline.ts";
import type { Tool, ToolContext } from "./tool.ts";
import type { ToolDeclaration, ToolRegistry } from "./tool_registry.ts";

const log = logger("tools");

/** How a call is shown to people. */
export interface CallLabel {
  readonly description: string;
  readonly emoji: string;
}

/** What a {@linkcode ToolExecutor} is given. */
export interface ToolExecutorOptions {
  readonly registry: ToolRegistry;
  readonly events: EventBus;
  readonly timeoutMs: number;
  /** Characters of a result that the model gets. */
  readonly outputChars: number;
  readonly now?: () => number;
}

export class ToolExecutor {
  readonly #options: ToolExecutorOptions;
  readonly #now: () => number;

  constructor(options: ToolExecutorOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** The tools to offer to the model in a turn. */
  declarations(): readonly ToolDeclaration[] {
    return this.#options.registry.declarations();
  }

  /** How a call is shown to people while it runs, whether or not it will succeed. */
  label(call: ToolCall): CallLabel {
    const fallback = { description: `Using ${call.name}`, emoji: "⚙️" };
    const tool = this.#options.registry.get(call.name);
    if (!tool) return fallback;
    const input = readInput(tool, call.arguments);
    if ("problem" in input) return { ...fallback, emoji: tool.emoji };
    return { description: tool.describe(input.value), emoji: tool.emoji };
  }

  /**
   * Runs a call.
   *
   * @throws the signal's reason when the turn is aborted; nothing else.
   */
  async execute(call: ToolCall, context: ToolContext, signal: AbortSignal): Promise<ToolResult> {
    const { events } = this.#options;
    const origin = {
      node_id: context.nodeId,
      platform: context.platform,
      user_id: context.userId,
      channel_id: context.channelId,
      request_id: context.requestId,
      tool_name: call.name,
      call_id: call.id,
    };
    events.emit("tool:start", origin);
    const startedAt = this.#now();
    const files: ReplyFile[] = [];
    const result = await this.#run(
      call,
      { ...context, sendFile: (file) => files.push(file) },
      signal,
    );
    signal.throwIfAborted();
    const durationMs = Math.round(this.#now() - startedAt);
    if (result.isError) {
      log.info("Tool {tool} failed: {error}", { tool: call.name, error: result.content });
      events.emit("tool:error", { ...origin, duration_ms: durationMs, error: result.content });
    } else {
      events.emit("tool:end", { ...origin, duration_ms: durationMs });
    }
    return { ...result, files: result.isError ? [] : files, durationMs };
  }

  async #run(
    call: ToolCall,
    run: ToolContext & { readonly sendFile: (file: ReplyFile) => void },
    turn: AbortSignal,
  ): Promise<Pick<ToolResult, "content" | "isError">> {
    const tool = this.#options.registry.get(call.name);
    if (!tool) return failure(`There is no tool "${call.name}".`);
    const input = readInput(tool, call.arguments);
    if ("problem" in input) return failure(`Cannot call "${call.name}": ${input.problem}`);
    using deadline = new Deadline(turn, this.#options.timeoutMs);
    try {
      const running = (async () =>
        await tool.run(input.value, { ...run, signal: deadline.signal }))();
      const content = await Promise.race([running, deadline.passed]);
      return { content: this.#cut(content), isError: false };
    } catch (error) {
      if (!deadline.timedOut) return failure(this.#cut(errorText(error)));
      const limit = `${this.#options.timeoutMs / 1000} seconds`;
      return failure(`"${call.name}" took longer than ${limit} and was ended.`);
    }
  }

  #cut(text: string): string {
    const { outputChars } = this.#options;
    if (text.length <= outputChars) return text;
    const cut = text.length - outputChars;
    return `${text.slice(0, outputChars)}\n[${cut} of ${text.length} characters were cut off. ` +
      "Ask for less: narrow the query or read a part.]";
  }
}

function readInput(
  tool: Tool,
  json: string,
): { readonly value: z.output<Tool["input"]> } | { readonly problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(json || "{}");
  } catch (error) {
    return { problem: `the arguments are not valid JSON: ${(error as Error).message}` };
  }
  const result = tool.input.safeParse(value);
  if (result.success) return { value: result.data };
  const problems = result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  return { problem: problems.join("; ") };
}

function failure(content: string): Pick<ToolResult, "content" | "isError"> {
  return { content, isError: true };
}
