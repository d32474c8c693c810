/** The loop of a turn between model and tools, until the model has answered. */

import { GatewayError } from "../domain/errors.ts";
import type { ContextPart } from "../context/part.ts";
import type { LlmClient, LlmMessage, RequestUsage } from "../llm/client.ts";
import { filtered } from "../llm/failure.ts";
import { TokenScale } from "../llm/tokens.ts";
import type { Tier } from "../domain/message.ts";
import type { FinishReason, ReplyFile, Usage } from "../domain/reply.ts";
import type { MessageOrigin, ToolCall, ToolRound } from "../domain/tool_call.ts";
import type { ToolContext } from "../tools/tool.ts";
import type { ToolExecutor } from "../tools/executor.ts";
import { asksForPermission, ContinuationDeduplicator } from "./continuation.ts";
import type { TurnJournal } from "./journal.ts";
import { fittedStream, TurnMessages } from "./messages.ts";
import { interrupted, runToolRound, type TurnStep } from "./tool_round.ts";

const continuePrompt =
  "Your last message was cut off because of its length. Go on exactly where it " +
  "stopped: begin with the very next character, repeat nothing and add no remark.";
const proceedAnswer = "Yes, please proceed.";
const toolLimitPrompt = "The limit of tool calls for this message is reached. " +
  "Answer now with what you have, without calling a tool.";
/** Base64 characters of all files of one reply: it must fit into a frame. */
const maxFileChars = 16 * 1024 * 1024;
/** Precedes reasoning, if it is shown. */
const reasoningMark = "💭 ";
/** How often a request for permission is answered with yes in one turn. */
export const maxProceeds = 3;

/** Options of a {@linkcode ToolLoop}. */
export interface ToolLoopOptions {
  readonly llm: Pick<LlmClient, "modelOf" | "stream">;
  readonly tools: Pick<ToolExecutor, "declarations" | "execute" | "label" | "reportInterrupted">;
  /** Rounds of tool calls in one turn. */
  readonly toolRounds: number;
  /** How often an answer that was cut off for its length is continued. */
  readonly continuations: number;
  /** Whether a trailing "Shall I proceed?" is answered with yes. */
  readonly autoProceed: boolean;
  /** Estimated tokens that a request to a tier may have. */
  readonly inputTokens: (tier: Tier) => number;
  readonly newId?: () => string;
}

/** A turn to run. */
export interface Turn {
  readonly tier: Tier;
  /** The context, the user's message last. */
  readonly parts: readonly ContextPart[];
  /** Receives the tokens that history usually has room for, before each request. */
  readonly onHistoryRoom?: (tokens: number) => void;
  /** Rounds that an earlier attempt journaled; they are not run again. */
  readonly rounds: readonly ToolRound[];
  readonly journal: TurnJournal;
  readonly context: ToolContext;
  /** Called for each step as it happens. */
  readonly show: (step: TurnStep) => void;
  /** Receives the usage of each request to a model. */
  readonly onUsage?: (usage: RequestUsage) => void;
  readonly signal: AbortSignal;
}

/** One answer of the model, continuations included. */
interface Answer {
  readonly text: string;
  readonly calls: readonly ToolCall[];
  readonly reason: FinishReason;
  readonly origin?: MessageOrigin;
}

/** The result of a turn; its text is that of all `text` steps. */
export interface TurnResult {
  readonly files: readonly ReplyFile[];
  readonly toolCount: number;
  /** Summed over all requests to models. */
  readonly usage: Usage;
  /** The model that answered last; it may be a fallback. */
  readonly model: string;
  readonly finishReason: FinishReason;
}

/** What grows during a turn. */
interface Progress {
  readonly messages: TurnMessages;
  readonly files: ReplyFile[];
  toolCount: number;
  inputTokens: number;
  outputTokens: number;
  /** The model that answered last. */
  model: string;
  /** Whether text was shown; the next answer is then separated from it. */
  shown: boolean;
  /** The ids of all calls of the turn. */
  readonly callIds: Set<string>;
}

export class ToolLoop {
  readonly #options: ToolLoopOptions;
  readonly #newId: () => string;
  readonly #scale = new TokenScale();

  constructor(options: ToolLoopOptions) {
    this.#options = options;
    this.#newId = options.newId ?? (() => `call_${crypto.randomUUID().replaceAll("-", "")}`);
  }

  /**
   * Runs a turn.
   *
   * @throws {GatewayError} as the client, or `tool_limit`; the signal's reason if it aborts.
   */
  async run(turn: Turn): Promise<TurnResult> {
    const budget = this.#budgetOf(turn.tier);
    const usualBudget = this.#budgetOf("mid");
    const progress: Progress = {
      messages: new TurnMessages(turn.parts, { budget, usualBudget }),
      files: [],
      toolCount: 0,
      inputTokens: 0,
      outputTokens: 0,
      model: this.#options.llm.modelOf(turn.tier),
      shown: false,
      callIds: new Set(),
    };
    await this.#replay(turn, progress);
    let proceeds = this.#options.autoProceed ? maxProceeds : 0;
    for (let round = turn.rounds.length;;) {
      const mayCall = round < this.#options.toolRounds;
      if (!mayCall) progress.messages.push({ role: "user", content: toolLimitPrompt });
      const answer = await this.#ask(turn, progress, mayCall);
      if (answer.calls.length > 0) {
        if (!mayCall) throw toolLimit(this.#options.toolRounds);
        await this.#runTools(turn, progress, { index: round++, ...answer });
      } else if (proceeds > 0 && answer.reason === "stop" && asksForPermission(answer.text)) {
        proceeds--;
        progress.messages.push({ role: "assistant", content: answer.text });
        progress.messages.push({ role: "user", content: proceedAnswer });
      } else {
        return this.#result(progress, answer.reason);
      }
    }
  }

  /** Tokens, by our estimate, that a request to a tier may have. */
  #budgetOf(tier: Tier): number {
    const { inputTokens, llm } = this.#options;
    return Math.floor(inputTokens(tier) / this.#scale.of(llm.modelOf(tier)));
  }

  /** Replays the rounds of an earlier attempt; a call without a result has an unknown outcome. */
  async #replay(turn: Turn, progress: Progress): Promise<void> {
    for (const [index, round] of turn.rounds.entries()) {
      showText(turn, progress, round.text);
      addCalls(progress, round);
      for (const [position, call] of round.calls.entries()) {
        let result = round.results[position];
        if (!result) {
          result = interrupted;
          await turn.journal.recordResult({ round: index, position, result });
          this.#options.tools.reportInterrupted(call, turn.context);
        }
        addResult(progress, call, result);
      }
      const joined = await turn.journal.join(index, { fresh: false });
      joined.forEach((message) => progress.messages.push(message));
    }
  }

  async #runTools(
    turn: Turn,
    progress: Progress,
    round: { readonly index: number } & Answer,
  ): Promise<void> {
    addCalls(progress, round);
    const firstStep = progress.toolCount + 1;
    const results = await runToolRound({
      ...turn,
      ...round,
      firstStep,
      tools: this.#options.tools,
    });
    round.calls.forEach((call, position) => addResult(progress, call, results[position]!));
    const joined = await turn.journal.join(round.index, { fresh: true });
    joined.forEach((message) => progress.messages.push(message));
  }

  /** Asks the model, and again if its answer is cut off for its length or empty. */
  async #ask(turn: Turn, progress: Progress, mayCall: boolean): Promise<Answer> {
    let text = "";
    let emptyAnswers = 0;
    for (let continuation = 0;;) {
      const part = await this.#stream(turn, progress, { before: text, mayCall });
      text += part.text;
      if (part.calls.length > 0) return { ...part, text };
      const cut = part.reason === "length" && part.text !== "";
      if (cut && continuation++ < this.#options.continuations) continue;
      // A model may have said everything before its last tool call.
      const enough = text !== "" || progress.files.length > 0 || emptyAnswers > 0 && progress.shown;
      if (enough) return { ...part, text };
      if (part.reason === "content_filter") throw filtered().error;
      if (emptyAnswers++ > 0) throw empty();
    }
  }

  /** One request to the model; `before` is the part of the answer to continue. */
  async #stream(
    turn: Turn,
    progress: Progress,
    { before, mayCall }: { readonly before: string; readonly mayCall: boolean },
  ): Promise<Answer> {
    const calls: ToolCall[] = [];
    let origin: MessageOrigin | undefined;
    const deduplicator = before === "" ? undefined : new ContinuationDeduplicator(before);
    const after: readonly LlmMessage[] = before === "" ? [] : [
      { role: "assistant", content: before },
      { role: "user", content: continuePrompt },
    ];
    let text = "";
    let reason: FinishReason = "other";
    let thinks = false;
    const stream = fittedStream({
      ...turn,
      llm: this.#options.llm,
      scale: this.#scale,
      messages: progress.messages,
      tools: this.#options.tools.declarations(turn.context),
      toolChoice: mayCall ? undefined : "none",
      after,
    });
    for await (const event of stream) {
      turn.signal.throwIfAborted();
      if (event.type === "text") {
        const delta = deduplicator ? deduplicator.add(event.text) : event.text;
        showText(turn, progress, delta, text === "" && before === "");
        text += delta;
      } else if (event.type === "reasoning") {
        const thought = thinks ? event.text : `${reasoningMark}${event.text}`;
        showText(turn, progress, thought, !thinks);
        thinks = true;
      } else if (event.type === "tool_call") {
        calls.push(this.#withUniqueId(event.call, progress));
      } else {
        reason = event.reason;
        progress.inputTokens += event.usage.inputTokens;
        progress.outputTokens += event.usage.outputTokens;
        progress.model = event.model;
        origin = { model: event.model, ...(event.fields && { fields: event.fields }) };
      }
    }
    const rest = deduplicator?.flush() ?? "";
    showText(turn, progress, rest, false);
    return { text: text + rest, calls, reason, origin };
  }

  /** Gives a call a plain id, unique in the turn: servers send none, the same twice, or odd ones. */
  #withUniqueId(call: ToolCall, { callIds }: Progress): ToolCall {
    const fits = /^[A-Za-z0-9_-]{1,40}$/.test(call.id) && !callIds.has(call.id);
    const id = fits ? call.id : this.#newId();
    callIds.add(id);
    return { ...call, id };
  }

  #result(progress: Progress, finishReason: FinishReason): TurnResult {
    const { files, toolCount, inputTokens, outputTokens, model } = progress;
    return { files, toolCount, usage: { inputTokens, outputTokens }, model, finishReason };
  }
}

/** Shows text; the first of an answer is separated from what was shown before. */
function showText({ show }: Turn, progress: Progress, text: string, first = true): void {
  if (text === "") return;
  if (first && progress.shown) show({ type: "text", text: "\n\n" });
  progress.shown = true;
  show({ type: "text", text });
}

function addCalls(progress: Progress, round: Pick<ToolRound, "text" | "calls" | "origin">): void {
  const { text: content, calls: toolCalls, origin } = round;
  for (const { id } of toolCalls) progress.callIds.add(id);
  progress.messages.push({ role: "assistant", content, toolCalls, origin });
}

function addResult(
  progress: Progress,
  call: ToolCall,
  result: { readonly content: string; readonly files: readonly ReplyFile[] },
): void {
  progress.toolCount++;
  const chars = [...progress.files, ...result.files].reduce(
    (sum, file) => sum + file.base64.length,
    0,
  );
  const fit = chars <= maxFileChars;
  if (fit) progress.files.push(...result.files);
  const note = fit ? "" : "\n[Its files are not sent: they are too large for one reply.]";
  progress.messages.push({ role: "tool", callId: call.id, content: result.content + note });
}

function toolLimit(rounds: number): GatewayError {
  return new GatewayError(
    "tool_limit",
    `The model called tools for ${rounds} rounds without reaching an answer. ` +
      "Ask for less at a time.",
    { recoverable: true },
  );
}

function empty(): GatewayError {
  return new GatewayError("llm_unavailable", "The model gave an empty answer. Try again.", {
    recoverable: true,
  });
}
