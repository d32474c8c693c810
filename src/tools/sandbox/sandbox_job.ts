/**
 * What the three parts of the sandbox tell each other: the gateway (`javascript_sandbox.ts`), its
 * child process (`sandbox_child.ts`) and the worker in that (`sandbox_worker.ts`).
 */

/** What the child is to run; one line of JSON on its standard input. */
export interface SandboxJob {
  readonly code: string;
  /** Time of the code, without the start of the process. */
  readonly timeoutMs: number;
  /** MiB that the process may grow by. */
  readonly memoryMb: number;
  /** Characters of all that is printed, and again of the value. */
  readonly maxOutputChars: number;
  /** With this the line begins that holds the result: the code can print, too, and doesn't know it. */
  readonly mark: string;
}

/** What came of it. */
export interface SandboxResult {
  /** What the code printed, lines. */
  readonly logs: string;
  /** The value of the last expression, to be read by people; undefined where there is none. */
  readonly value?: string;
  /** Why it failed. */
  readonly error?: string;
}

/** What the worker tells the child. Anything may come instead: the code can send messages, too. */
export type WorkerMessage =
  | { readonly type: "ready" }
  | { readonly type: "log"; readonly text: string }
  | { readonly type: "end"; readonly value?: string; readonly error?: string };

/** Cuts a text and says so. */
export function cutOff(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  return `${text.slice(0, maxChars)}… (cut off after ${maxChars} characters)`;
}
