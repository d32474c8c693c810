/**
 * Runs a tool call: checks the policy, asks for approval, validates the arguments, enforces the
 * time-out and cuts the output. Every failure becomes a result that the model sees; only an aborted
 * turn throws.
 */

import { GatewayError } from "../domain/errors.ts";
import { type EventBus, eventOrigin } from "../domain/events.ts";
import type { ReplyFile } from "../domain/reply.ts";
import type { ToolCall, ToolResult } from "../domain/tool_call.ts";
import { Deadline } from "../lib/deadline.ts";
import { errorText } from "../lib/error_text.ts";
import type { Parsed } from "../lib/schema.ts";
import { logger } from "../logging/log.ts";
import type { PolicyContext, ToolPolicy } from "./policy.ts";
import type { ToolRegistry } from "./registry.ts";
import type { Tool, ToolContext, ToolOutput } from "./tool.ts";

const log = logger("tools");

/** Tools in one request; OpenAI refuses more. */
const maxOffered = 128;
/** Base64 characters of the files of one call; a reply must fit into a WebSocket frame. */
const maxFileChars = 12 * 1024 * 1024;

/** A tool as declared to a model. */
export type ToolDeclaration = Pick<Tool, "name" | "description" | "parameters">;

/** How a call is shown to people. */
export interface CallLabel {
  readonly description: string;
  readonly emoji: string;
}

/** A question to a person: may this call run? */
export interface ApprovalQuestion {
  readonly call: ToolCall;
  readonly context: ToolContext;
  /** What the call would do. */
  readonly description: string;
}

/** The answer. The model is shown `why`. */
export type ApprovalAnswer =
  | { readonly approved: true }
  | { readonly approved: false; readonly why: string };

/** Asks a person to approve a call. */
export interface Approver {
  /** Asks and waits for the answer. @throws the signal's reason when it aborts. */
  ask(question: ApprovalQuestion, signal: AbortSignal): Promise<ApprovalAnswer>;
}

/** Options of a {@linkcode ToolExecutor}. */
export interface ToolExecutorOptions {
  readonly registry: ToolRegistry;
  readonly policy: Pick<ToolPolicy, "decide">;
  readonly approver: Approver;
  readonly events: EventBus;
  /** Time limit of a call whose tool sets none, milliseconds. */
  readonly timeoutMs: number;
  /** Characters of a result that the model is shown. */
  readonly outputChars: number;
  readonly now?: () => number;
}

type Failure = { readonly content: string; readonly isError: true };

export class ToolExecutor {
  readonly #options: ToolExecutorOptions;
  readonly #now: () => number;
  #warnedOfTooMany = false;

  constructor(options: ToolExecutorOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** The tools to offer to the model. */
  declarations(context: PolicyContext): readonly ToolDeclaration[] {
    const { registry, policy } = this.#options;
    const allowed = [...registry].filter((tool) => policy.decide(tool, context) !== "deny");
    if (allowed.length > maxOffered && !this.#warnedOfTooMany) {
      this.#warnedOfTooMany = true;
      log.warn("{count} tools are allowed but only {max} are offered: deny some in tools.yaml", {
        count: allowed.length,
        max: maxOffered,
      });
    }
    return allowed.slice(0, maxOffered)
      .map(({ name, description, parameters }) => ({ name, description, parameters }));
  }

  /** How a call is shown to people while it runs. */
  label(call: ToolCall): CallLabel {
    const tool = this.#options.registry.get(call.name);
    const fallback = { description: `Using ${call.name}`, emoji: tool?.emoji ?? "⚙️" };
    if (!tool) return fallback;
    const input = parseArguments(tool, call);
    return "problem" in input ? fallback : { ...fallback, description: tool.describe(input.value) };
  }

  /**
   * Runs a call.
   *
   * @throws the signal's reason if the turn is aborted; nothing else.
   */
  async execute(call: ToolCall, context: ToolContext, signal: AbortSignal): Promise<ToolResult> {
    const { events } = this.#options;
    const origin = callOrigin(call, context);
    events.emit("tool:start", origin);
    const startedAt = this.#now();
    const files: ReplyFile[] = [];
    let remainingChars = maxFileChars;
    const sendFile = (file: ReplyFile) => {
      remainingChars -= file.base64.length;
      if (remainingChars < 0) {
        throw new Error(`Cannot send "${file.filename}": the files are too large`);
      }
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
      // A turn that a shutdown interrupts reports the call when it resumes.
      const resumes = signal.reason instanceof GatewayError &&
        signal.reason.code === "shutting_down";
      if (!resumes) {
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

  /** Emits the end of a call that was running when an earlier gateway process ended. */
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
    // The answer must not reveal that a denied tool exists.
    if (!tool || action === "deny") return failure(`There is no tool "${call.name}".`);
    const input = parseArguments(tool, call);
    if ("problem" in input) return failure(`Cannot call "${call.name}": ${input.problem}`);
    try {
      const refusal = action === "ask" ? await this.#refusal(tool, call, context, run.signal) : "";
      if (refusal) return failure(refusal);
      return await this.#runInTime(tool, input.value, { ...context, ...run });
    } catch (error) {
      return failure(errorText(error));
    }
  }

  /** Asks for approval. Returns why it was refused, or an empty text. */
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

function parseArguments(tool: Tool, call: ToolCall): Parsed<unknown> {
  try {
    return tool.parse(JSON.parse(call.arguments || "{}"));
  } catch (error) {
    return { problem: `the arguments are not valid JSON: ${(error as Error).message}` };
  }
}

function failure(content: string): Failure {
  return { content, isError: true };
}
