/**
 * The command `chat`: a terminal adapter over the same WebSocket as any other. Streams the reply,
 * shows what tools do; Ctrl-C cancels the turn, a second one leaves.
 */

import { createInterface } from "node:readline";
import process from "node:process";
import { type Flags, readChatConfig } from "../config.ts";
import type { Clara1GatewayFrame } from "../protocol/clara1.ts";
import { ChatClient } from "./chat_client.ts";
import { ChatScreen } from "./chat_screen.ts";

/** Talks with the gateway until the input ends; resolves with the exit code. */
export function chat(flags: Flags): Promise<number> {
  const config = readChatConfig(flags);
  const screen = new ChatScreen({ color: Deno.stdout.isTerminal(), write: writeOut });
  const lines = createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: Deno.stdin.isTerminal() && Deno.stdout.isTerminal(),
    prompt: screen.prompt,
  });
  const waiting: string[] = [];
  let current: string | undefined;
  let cancelling = false;
  let inputOver = false;
  let refused = false;
  let connected = false;

  return new Promise((resolve) => {
    const client = new ChatClient({ ...config, onFrame, onState });

    lines.on("line", (line) => {
      if (line.trim() !== "") waiting.push(line);
      next();
    });
    lines.on("SIGINT", interrupt);
    lines.on("close", () => {
      inputOver = true;
      next();
    });
    if (!Deno.stdin.isTerminal()) Deno.addSignalListener("SIGINT", interrupt);

    function next(): void {
      if (current !== undefined) return;
      const content = waiting.shift();
      if (content !== undefined) {
        cancelling = false;
        current = client.say(content);
      } else if (inputOver) {
        // Before the first answer of the gateway it is not known whether it takes this terminal.
        if (connected) leave(0);
      } else {
        lines.prompt();
      }
    }

    function interrupt(): void {
      if (current === undefined || cancelling) return leave(current === undefined ? 0 : 130);
      cancelling = true;
      client.cancel();
      screen.note("cancelling; Ctrl-C again leaves");
    }

    function onFrame(frame: Clara1GatewayFrame): void {
      if (frame.type === "error" && frame.code === "unauthorized") refused = true;
      if (screen.show(frame, current)) {
        current = undefined;
        next();
      }
    }

    function onState(state: "connected" | "lost", detail: string): void {
      const idle = inputOver && current === undefined && waiting.length === 0;
      if (refused || (state === "lost" && idle)) return leave(1);
      connected ||= state === "connected";
      if (state === "connected") {
        screen.note(`connected to ${detail}`);
        if (current === undefined) next();
      } else {
        screen.note(`no connection to ${config.url} (${detail}); trying again`);
      }
    }

    function leave(code: number): void {
      client[Symbol.dispose]();
      lines.close();
      screen.leave();
      resolve(code);
    }
  });
}

function writeOut(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}
