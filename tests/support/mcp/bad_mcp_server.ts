/**
 * An MCP server over stdio that misbehaves as its argument says. It writes JSON-RPC by hand,
 * because SDKs do not allow its errors.
 *
 * Arguments: `good`, `silent` (never answers), `crash` (exits at once), `unlisted` (never lists its
 * tools), `stubborn` (ignores SIGTERM and the end of its input), `garbage` (writes nonsense first),
 * `readonly` (marks its tools as read-only), `instructed` (has instructions).
 */

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";

interface Request {
  readonly id?: number;
  readonly method: string;
  readonly params?: {
    readonly name?: string;
    readonly arguments?: Readonly<Record<string, unknown>>;
  };
}

type Arguments = Readonly<Record<string, unknown>>;

const [mode = "good"] = Deno.args;
let changed = false;

function write(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

function send(message: object): void {
  write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
}

/** The tools; undefined means no answer. */
const tools: Readonly<Record<string, (input: Arguments) => string | undefined>> = {
  echo: ({ text }) => `Echo: ${text}`,
  pid: () => String(Deno.pid),
  env: ({ name }) => Deno.env.get(String(name)) ?? "(not set)",
  /** Never returns; records each call in a file, so that tests can wait for it and count. */
  hang: ({ file }) => {
    Deno.writeTextFileSync(String(file), "entered\n", { append: true });
    return undefined;
  },
  die: () => {
    Deno.kill(Deno.pid, "SIGKILL");
    return undefined;
  },
  fail: () => {
    throw new Error("it did not work");
  },
  big: ({ bytes }) => {
    const piece = "x".repeat(1 << 20);
    write('{"jsonrpc":"2.0","id":0,"result":"');
    for (let left = Number(bytes); left > 0; left -= piece.length) write(piece);
    return undefined;
  },
  change: () => {
    changed = true;
    send({ method: "notifications/tools/list_changed" });
    return "changed";
  },
  garbage: () => {
    write('warning: {not json\n42\nnull\n[]\n{"jsonrpc":"1.0"}\n\u0000\u0001\n\n');
    return "said";
  },
  /** Writes to its log for as long as it lives. */
  flood: () => {
    const line = new TextEncoder().encode(`${"flood ".repeat(20)}\n`.repeat(500));
    (async () => {
      for (;;) {
        await Deno.stderr.write(line);
        await pause(0);
      }
    })();
    return undefined;
  },
  /** Leaves a process outside our group that holds our stdout. */
  escape: () => {
    const child = spawn("sleep", ["30"], {
      detached: true,
      stdio: ["ignore", "inherit", "ignore"],
    });
    child.unref();
    return String(child.pid);
  },
};

function listed(): readonly object[] {
  const names = Object.keys(tools).filter((name) => name !== "echo" || !changed);
  return [...names, ...(changed ? ["added"] : [])].map((name) => ({
    name,
    description: `The tool ${name}`,
    inputSchema: { type: "object" },
    ...(mode === "readonly" && { annotations: { readOnlyHint: true } }),
  }));
}

function call({ id, params }: Request): void {
  try {
    const run = tools[params!.name!];
    if (!run) return send({ id, error: { code: -32602, message: "no such tool" } });
    const text = run(params!.arguments ?? {});
    if (text !== undefined) send({ id, result: { content: [{ type: "text", text }] } });
  } catch (error) {
    send({ id, error: { code: -32603, message: (error as Error).message } });
  }
}

function answer(request: Request): void {
  const { id, method } = request;
  if (id === undefined) return;
  switch (method) {
    case "initialize":
      return send({
        id,
        result: {
          protocolVersion: "2025-06-18",
          capabilities: { tools: { listChanged: true } },
          serverInfo: { name: "bad", version: "1" },
          ...(mode === "instructed" && { instructions: "Mind the gap." }),
        },
      });
    case "tools/list":
      if (mode !== "unlisted") send({ id, result: { tools: listed() } });
      return;
    case "tools/call":
      return call(request);
    default:
      send({ id, result: {} });
  }
}

if (mode === "crash") {
  console.error("cannot find my own feet");
  Deno.exit(3);
}
if (mode === "garbage") write("Welcome to the server!\n%%% {\n\u00ff\n");
if (mode === "stubborn") {
  Deno.addSignalListener("SIGTERM", () => {});
  setInterval(() => {}, 1_000_000);
}
for await (const line of createInterface({ input: process.stdin })) {
  if (mode !== "silent") answer(JSON.parse(line));
}
if (mode === "silent") await new Promise(() => setInterval(() => {}, 1_000_000));
