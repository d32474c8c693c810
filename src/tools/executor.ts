/**
 * Runs one call of a tool: finds it, asks the policy (and a person, where that says so), reads its
 * arguments, runs it within its time, cuts its output. Whatever goes wrong becomes a result that tells
 * the model; only an aborted turn throws.
 */

import { errorText } from "../lib/error_text.ts";
import { GatewayError } from "../domain/errors.ts";
import { type EventBus, eventOrigin } from "../domain/events.ts";
import { logger } from "../logging/log.ts";
import type { ReplyFile } from "../domain/reply.ts";
import type { ToolCall, ToolResult } from "../domain/tool_call.ts";
import type { Approver } from "./approver.ts";
import { Deadline } from "../lib/deadline.ts";
import type { ReadArguments, Tool, ToolContext, ToolOutput } from "./tool.ts";
import type { PolicyContext, ToolPolicy } from "./policy.ts";
import type { ToolRegistry } from "./registry.ts";

const log = logger("tools");

/** Tools of one request: more than this OpenAI refuses. */
const maxOffered = 128;
/** Bytes of the files of one call, in base64: a reply must fit through a socket. */
const maxFileChars = 12 * 1024 * 1024;

/** A tool as a model is told of it. */
export type ToolDeclaration = Pick<Tool, "name" | "description" | "parameters">;

/** How a call is shown to people. */
export interface CallLabel {
  readonly description: string;
  readonly emoji: string;
}

/** What a {@linkcode ToolExecutor} is given. */
export interface ToolExecutorOptions {
  readonly registry: ToolRegistry;
  readonly policy: Pick<ToolPolicy, "decide">;
  readonly approver: Approver;
  readonly events: EventBus;
  /** Longest time of a call of a tool that has no time of its own, milliseconds. */
  readonly timeoutMs: number;
  /** Characters of a result that the model gets. */
  readonly outputChars: number;
  readonly now?: () => number;
}

type Failure = { readonly content: string; readonly isError: true };

export class ToolExecutor {
  readonly #options: ToolExecutorOptions;
  readonly #now: () => number;
  #warnedOfMany = false;

  constructor(options: ToolExecutorOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** The tools to offer to the model in a turn. */
  declarations(context: PolicyContext): readonly ToolDeclaration[] {
    const { registry, policy } = this.#options;
    const offered = [...registry].filter((tool) => policy.decide(tool, context) !== "deny");
    if (offered.length > maxOffered && !this.#warnedOfMany) {
      this.#warnedOfMany = true;
      log.warn("{count} tools are allowed, the model is offered {max}: deny some in tools.yaml", {
        count: offered.length,
        max: maxOffered,
      });
    }
    return offered.slice(0, maxOffered)
      .map(({ name, description, parameters }) => ({ name, description, parameters }));
  }

  /** How a call is shown to people while it runs, whether or not it will succeed. */
  label(call: ToolCall): CallLabel {
    const tool = this.#options.registry.get(call.name);
    const fallback = { description: `Using ${call.name}`, emoji: tool?.emoji ?? "⚙️" };
    if (!tool) return fallback;
    const input = readArguments(tool, call);
    return "problem" in input ? fallback : { ...fallback, description: tool.describe(input.value) };
  }

  /**
   * Runs a call.
   *
   * @throws the signal's reason when the turn is aborted; nothing else.
   */
  async execute(call: ToolCall, context: ToolContext, signal: AbortSignal): Promise<ToolResult> {
    const { events } = this.#options;
    const origin = callOrigin(call, context);
    events.emit("tool:start", origin);
    const startedAt = this.#now();
    const files: ReplyFile[] = [];
    let room = maxFileChars;
    const sendFile = (file: ReplyFile) => {
      room -= file.base64.length;
      if (room < 0) throw new Error(`Cannot send "${file.filename}": the files are too large`);
      files.push(file);
    };
    const output = await this.#run(call, context, { signal, sendFile });
    const durationMs = Math.round(this.#now() - startedAt);
    const { content, isError } = typeof output === "string"
      ? { content: output, isError: false }
      : output;
    const result = {
      content: this.#cut(content),
      isError,
      files: isError ? [] : files,
      durationMs,
    };
    if (signal.aborted) {
      // A turn that is put back tells of the call when it is taken up again; once is enough.
      const putBack = signal.reason instanceof GatewayError &&
        signal.reason.code === "shutting_down";
      if (!putBack) {
        events.emit("tool:error", { ...origin, duration_ms: durationMs, error: "cancelled" });
      }
      signal.throwIfAborted();
    } else if (isError) {
      log.info("Tool {tool} failed: {error}", { tool: call.name, error: content.slice(0, 500) });
      events.emit("tool:error", { ...origin, duration_ms: durationMs, error: result.content });
    } else {
      events.emit("tool:end", { ...origin, duration_ms: durationMs });
    }
    return result;
  }

  /** Tells that a call of an earlier run was cut off: its start was told, its end was not. */
  reportInterrupted(call: ToolCall, context: ToolContext): void {
    this.#options.events.emit("tool:error", {
      ...callOrigin(call, context),
      duration_ms: 0,
      error: "interrupted: the gateway ended while it ran",
    });
  }

  async #run(
    call: ToolCall,
    context: ToolContext,
    run: { readonly signal: AbortSignal; readonly sendFile: (file: ReplyFile) => void },
  ): Promise<ToolOutput> {
    const tool = this.#options.registry.get(call.name);
    const action = tool && this.#options.policy.decide(tool, context);
    // A tool that is not offered here is as good as none: its existence is not told either.
    if (!tool || action === "deny") return failure(`There is no tool "${call.name}".`);
    const input = readArguments(tool, call);
    if ("problem" in input) return failure(`Cannot call "${call.name}": ${input.problem}`);
    try {
      const refusal = action === "ask" ? await this.#refusal(tool, call, context, run.signal) : "";
      if (refusal) return failure(refusal);
      return await this.#runInTime(tool, input.value, { ...context, ...run });
    } catch (error) {
      return failure(errorText(error));
    }
  }

  /** Why a person did not let the tool run; empty when one did. */
  async #refusal(
    tool: Tool,
    call: ToolCall,
    context: ToolContext,
    signal: AbortSignal,
  ): Promise<string> {
    const { description } = this.label(call);
    const answer = await this.#options.approver.ask({ call, context, description }, signal);
    return answer.approved ? "" : `"${tool.name}" was not run: ${answer.why}`;
  }

  async #runInTime(
    tool: Tool,
    input: unknown,
    run: Parameters<Tool["run"]>[1],
  ): Promise<ToolOutput> {
    const { timeoutMs = this.#options.timeoutMs } = tool;
    using deadline = new Deadline({ ms: timeoutMs, signal: run.signal });
    try {
      const running = (async () => await tool.run(input, { ...run, signal: deadline.signal }))();
      return await deadline.race(running);
    } catch (error) {
      if (!deadline.timedOut) throw error;
      return failure(`"${tool.name}" took longer than ${timeoutMs / 1000} seconds and was ended.`);
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

function callOrigin(call: ToolCall, context: ToolContext) {
  return { ...eventOrigin(context), tool_name: call.name, call_id: call.id };
}

function readArguments(tool: Tool, call: ToolCall): ReadArguments {
  try {
    return tool.read(JSON.parse(call.arguments || "{}"));
  } catch (error) {
    return { problem: `the arguments are not valid JSON: ${(error as Error).message}` };
  }
}

function failure(content: string): Failure {
  return { content, isError: true };
}
