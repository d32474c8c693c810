/**
 * Asks people, through their adapter, whether a tool may run. The executor asks; the server brings the
 * answer. An adapter that comes back is asked again.
 */

import { Deadline } from "../lib/deadline.ts";
import type { ApprovalAnswer, ApprovalQuestion, Approver } from "../tools/approver.ts";
import type { ReplyTransport } from "./port.ts";

/** What {@linkcode Approvals} are given. */
export interface ApprovalsOptions {
  readonly outlet: ReplyTransport;
  /** How long a person may think, milliseconds. */
  readonly timeoutMs: number;
  readonly now?: () => number;
  readonly newId?: () => string;
}

interface Pending {
  readonly question: ApprovalQuestion;
  readonly expiresAt: number;
  readonly answer: (answer: ApprovalAnswer) => void;
}

const denied = { approved: false, why: "the user did not agree." } as const;
const unanswered = { approved: false, why: "nobody answered in time." } as const;
const nobodyThere = {
  approved: false,
  why: "it needs a person's approval, and nobody has asked for this message.",
} as const;
const cannotAsk = {
  approved: false,
  why: "it needs a person's approval, and this platform cannot ask for one.",
} as const;

export class Approvals implements Approver {
  readonly #options: ApprovalsOptions;
  readonly #now: () => number;
  readonly #newId: () => string;
  readonly #pending = new Map<string, Pending>();

  constructor(options: ApprovalsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#newId = options.newId ?? (() => `approval-${crypto.randomUUID()}`);
  }

  async ask(question: ApprovalQuestion, signal: AbortSignal): Promise<ApprovalAnswer> {
    signal.throwIfAborted();
    const { context } = question;
    if (context.message.task) return nobodyThere;
    if (!this.#options.outlet.connection(context.nodeId)?.approvals) return cannotAsk;
    const { timeoutMs } = this.#options;
    const approvalId = this.#newId();
    const { promise, resolve } = Promise.withResolvers<ApprovalAnswer>();
    const expiresAt = this.#now() + timeoutMs;
    this.#pending.set(approvalId, { question, expiresAt, answer: resolve });
    using deadline = new Deadline({ ms: timeoutMs, signal });
    this.#send(approvalId);
    try {
      return await deadline.race(promise);
    } catch (error) {
      if (deadline.timedOut) return unanswered;
      throw error;
    } finally {
      this.#pending.delete(approvalId);
    }
  }

  /** Takes an adapter's answer; false when nothing of that id is asked of it (any more). */
  answer(nodeId: string, approvalId: string, approved: boolean): boolean {
    const pending = this.#pending.get(approvalId);
    if (pending?.question.context.nodeId !== nodeId) return false;
    pending.answer(approved ? { approved } : denied);
    return true;
  }

  /** An adapter is connected (again): it is asked what it has not answered. */
  attach(nodeId: string): void {
    for (const [approvalId, { question }] of this.#pending) {
      if (question.context.nodeId === nodeId) this.#send(approvalId);
    }
  }

  #send(approvalId: string): void {
    const { question: { call, context, description }, expiresAt } = this.#pending.get(approvalId)!;
    const link = this.#options.outlet.connection(context.nodeId);
    // An adapter that has come back without the capability would not know the frame.
    if (!link?.approvals) return;
    link.send("clara-1", {
      type: "approval_asked",
      requestId: context.requestId,
      responseId: "",
      approvalId,
      toolName: call.name,
      description,
      arguments: call.arguments,
      expiresAt,
    });
  }
}
