/**
 * Runs the code inside the sandbox's worker. `child.ts` sends these functions to the worker as text, so
 * they must not refer to anything in this module; even each other's names change in the compiled
 * program, so one is passed to the other as an argument.
 */

/** A message from the worker to the child. The code can send messages too, of any content. */
export type WorkerMessage =
  | { readonly type: "ready" }
  | { readonly type: "log"; readonly text: string }
  | { readonly type: "end"; readonly value?: string; readonly error?: string };

/** The source of the worker's module. */
export const workerSource = `(${sandboxWorker})(${compileProgram}, ${createFormat});`;

/** Compiled code; resolves with the value of its last expression. */
type Program = () => Promise<unknown>;

/**
 * Compiles code with top-level `await` and `return` into a function that returns the value of the
 * last expression. To find that expression, it looks for the first position from which the rest of
 * the code parses as one.
 *
 * @throws {SyntaxError} if the code is not valid JavaScript.
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
  const positions = [0, ...Array.from(whole.matchAll(/[\n;]/g), ({ index }) => index + 1)];
  // Each attempt parses everything, so for long code only the last positions are tried.
  for (const position of [0, ...positions.slice(1).slice(-300)]) {
    const [head, tail] = [whole.slice(0, position), whole.slice(position)];
    const start = tail.replace(/^(?:\s|\/\/[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/, "");
    // Such an expression could continue the statement before it.
    if (/^[[(`/+-]/.test(start) && !/(?:^|;)\s*$/.test(head)) continue;
    // As an expression, a declaration would not be visible to the code before it.
    if (/^(?:class|function|async\s+function)\b/.test(start)) continue;
    const program = parse(`${head}return (${tail}\n)`);
    if (program && parse(`return (${tail}\n)`) && parse(head)) return program;
  }
  return new AsyncFunction(code);
}

/** Creates the functions that show values and errors to people. */
export function createFormat(inspect: typeof Deno.inspect) {
  const show = (value: unknown): string => {
    if (typeof value === "string") return value;
    try {
      return inspect(value, { depth: 6, iterableLimit: 200, strAbbreviateSize: 10_000 });
    } catch {
      return "(cannot be shown)";
    }
  };
  const showError = (error: unknown): string => {
    if (!(error instanceof Error)) return `Thrown: ${show(error)}`;
    // Deno's hint how to grant the permission is of no use here.
    const message = error.message.replace(/, (?:run again with|specify the required).*/, "");
    const text = `${error.name}: ${message}`;
    // The function's head takes two lines.
    const line = Number(/<anonymous>:(\d+):\d+/.exec(error.stack ?? "")?.[1]) - 2;
    return line > 0 ? `${text} (line ${line})` : text;
  };
  return { show, showError };
}

/** Waits for the code, runs it once, and sends its output and its result. */
export function sandboxWorker(
  compile: typeof compileProgram,
  format: typeof createFormat,
): void {
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
  const { show, showError } = format(Deno.inspect);
  let remainingChars = 0;

  const print = (...values: unknown[]): void => {
    if (remainingChars <= 0) return;
    // One character more than fits shows that something was cut off.
    const text = values.map((value) => show(value).slice(0, remainingChars + 1)).join(" ");
    send({ type: "log", text: text.slice(0, remainingChars + 1) });
    remainingChars -= text.length + 1;
  };
  const end = (make: () => { readonly value?: string; readonly error?: string }): void => {
    try {
      send({ type: "end", ...make() });
    } catch {
      send({ type: "end", error: "The code failed with an error that cannot be shown" });
    }
  };
  // The worker must not close before it has reported it.
  const exit = (): never => {
    end(() => ({ error: "The code exited before it had a result" }));
    throw new Error("The code exited");
  };

  for (const name of ["log", "info", "debug", "warn", "error", "dir", "table", "trace", "group"]) {
    scope.console[name] = print;
  }
  scope.close = exit;
  Object.defineProperty(Deno, "exit", { value: exit });
  if (scope.process) Object.assign(scope.process, { exit, reallyExit: exit, abort: exit });
  // It writes to the disk.
  delete scope.caches;
  // Messages from the code would interfere; a nested worker would not be restricted in this way.
  delete scope.postMessage;
  delete scope.Worker;

  let started = false;
  scope.addEventListener("message", async ({ data }) => {
    if (started) return;
    started = true;
    const { code, maxOutputChars } = data as { code: string; maxOutputChars: number };
    remainingChars = maxOutputChars;
    try {
      const value = await compile(code)();
      end(() => value === undefined ? {} : { value: show(value).slice(0, maxOutputChars + 1) });
    } catch (error) {
      end(() => ({ error: showError(error).slice(0, maxOutputChars + 1) }));
    }
  });
  send({ type: "ready" });
}
