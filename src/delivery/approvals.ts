/**
 * Asks a person, through their adapter, whether a tool may run. The executor asks; the server passes
 * on the answer. An adapter that reconnects is asked again.
 */

import { Deadline } from "../lib/deadline.ts";
import type { ApprovalAnswer, ApprovalQuestion, Approver } from "../tools/executor.ts";
import type { ReplyTransport } from "./port.ts";

/** Options of {@linkcode Approvals}. */
export interface ApprovalsOptions {
  readonly transport: ReplyTransport;
  /** How long to wait for an answer, milliseconds. */
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
const timedOut = { approved: false, why: "nobody answered in time." } as const;
const unattended = {
  approved: false,
  why: "it needs a person's approval, but no person sent this message.",
} as const;
const unsupported = {
  approved: false,
  why: "it needs a person's approval, but this platform cannot ask for it.",
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
    if (context.message.task) return unattended;
    if (!this.#options.transport.connection(context.nodeId)?.approvals) return unsupported;
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
      if (deadline.timedOut) return timedOut;
      throw error;
    } finally {
      this.#pending.delete(approvalId);
    }
  }

  /** Records an adapter's answer. Returns false if no approval with this id is pending for it. */
  answer(nodeId: string, approvalId: string, approved: boolean): boolean {
    const pending = this.#pending.get(approvalId);
    if (pending?.question.context.nodeId !== nodeId) return false;
    pending.answer(approved ? { approved } : denied);
    return true;
  }

  /** Sends an adapter that has connected the approvals it has not answered. */
  attach(nodeId: string): void {
    for (const [approvalId, { question }] of this.#pending) {
      if (question.context.nodeId === nodeId) this.#send(approvalId);
    }
  }

  #send(approvalId: string): void {
    const { question: { call, context, description }, expiresAt } = this.#pending.get(approvalId)!;
    const connection = this.#options.transport.connection(context.nodeId);
    // The adapter may have reconnected without the capability.
    if (!connection?.approvals) return;
    connection.send("clara-1", {
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
