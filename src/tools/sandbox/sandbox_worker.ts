/**
 * What runs in the sandbox's worker, around the code. `sandbox_child.ts` sends it there as text, so
 * each function stands for itself and uses nothing of this module; what one needs of the other it is
 * given, since in the compiled program they have other names.
 */

import type { WorkerMessage } from "./sandbox_job.ts";

/** The text of the worker's module. */
export const workerSource = `(${sandboxWorker})(${compileProgram});`;

/** A program, ready to run; gives the value of its last expression. */
type Program = () => Promise<unknown>;

/**
 * Makes a function of code that may have `await` and `return` at its top, and gives the value of its
 * last expression: the first place is sought from which on the rest is one expression.
 *
 * @throws {SyntaxError} when the code is not JavaScript.
 */
export function compileProgram(code: string): Program {
  const AsyncFunction = (async () => {}).constructor as new (body: string) => Program;
  const parse = (body: string): Program | undefined => {
    try {
      return new AsyncFunction(body);
    } catch {
      return undefined;
    }
  };
  const whole = code.replace(/;[ \t]*\/\/[^\n]*\s*$/, "").replace(/[\s;]+$/, "");
  const places = [0, ...Array.from(whole.matchAll(/[\n;]/g), ({ index }) => index + 1)];
  // Of long code only the end is tried: each try reads it all.
  for (const place of [0, ...places.slice(1).slice(-300)]) {
    const [head, tail] = [whole.slice(0, place), whole.slice(place)];
    const start = tail.replace(/^(?:\s|\/\/[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/, "");
    // Such an expression could be the end of the statement before it.
    if (/^[[(`/+-]/.test(start) && !/(?:^|;)\s*$/.test(head)) continue;
    // As an expression it would no longer be known to what stands before it.
    if (/^(?:class|function|async\s+function)\b/.test(start)) continue;
    const program = parse(`${head}return (${tail}\n)`);
    if (program && parse(`return (${tail}\n)`) && parse(head)) return program;
  }
  return new AsyncFunction(code);
}

/** Waits for code, runs it once, and tells what it prints and what comes of it. */
export function sandboxWorker(compile: typeof compileProgram): void {
  interface Scope {
    postMessage?: (message: WorkerMessage) => void;
    addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
    Worker?: unknown;
    caches?: unknown;
    close: unknown;
    console: Record<string, unknown>;
    process?: Record<string, unknown>;
  }
  const scope = globalThis as unknown as Scope;
  const send = scope.postMessage!.bind(scope);
  const inspect = Deno.inspect;
  let room = 0;

  const show = (value: unknown): string => {
    if (typeof value === "string") return value;
    try {
      return inspect(value, { depth: 6, iterableLimit: 200, strAbbreviateSize: 10_000 });
    } catch {
      return "(cannot be shown)";
    }
  };
  const print = (...values: unknown[]): void => {
    if (room <= 0) return;
    // One character more than there is room: so it shows that something was cut off.
    const text = values.map((value) => show(value).slice(0, room + 1)).join(" ");
    send({ type: "log", text: text.slice(0, room + 1) });
    room -= text.length + 1;
  };
  const showError = (error: unknown): string => {
    if (!(error instanceof Error)) return `Thrown: ${show(error)}`;
    // Deno's hint, how to permit what is not permitted, helps nobody here.
    const message = error.message.replace(/, (?:run again with|specify the required).*/, "");
    const text = `${error.name}: ${message}`;
    // The code is the body of a function, whose head takes two lines.
    const line = Number(/<anonymous>:(\d+):\d+/.exec(error.stack ?? "")?.[1]) - 2;
    return line > 0 ? `${text} (line ${line})` : text;
  };
  const end = (make: () => { readonly value?: string; readonly error?: string }): void => {
    try {
      send({ type: "end", ...make() });
    } catch {
      send({ type: "end", error: "The code failed with an error that cannot be shown" });
    }
  };
  // The worker must not close before it has told so.
  const leave = (): never => {
    end(() => ({ error: "The code ended itself before it had a result" }));
    throw new Error("The code ended itself");
  };

  for (const name of ["log", "info", "debug", "warn", "error", "dir", "table", "trace", "group"]) {
    scope.console[name] = print;
  }
  scope.close = leave;
  Object.defineProperty(Deno, "exit", { value: leave });
  if (scope.process) Object.assign(scope.process, { exit: leave, reallyExit: leave, abort: leave });
  // It would write to the disk.
  delete scope.caches;
  // What the code sends would only be in the way, and a worker of its own would not be prepared.
  delete scope.postMessage;
  delete scope.Worker;

  let started = false;
  scope.addEventListener("message", async ({ data }) => {
    if (started) return;
    started = true;
    const { code, maxOutputChars } = data as { code: string; maxOutputChars: number };
    room = maxOutputChars;
    try {
      const value = await compile(code)();
      end(() => value === undefined ? {} : { value: show(value).slice(0, maxOutputChars + 1) });
    } catch (error) {
      end(() => ({ error: showError(error).slice(0, maxOutputChars + 1) }));
    }
  });
  send({ type: "ready" });
}
