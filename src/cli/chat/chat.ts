/**
 * The command `chat`: a terminal adapter over the WebSocket of all adapters. Streams the reply,
 * shows what tools do; Ctrl-C cancels the turn, a second one leaves.
 */

import { createInterface } from "node:readline";
import process from "node:process";
import type { Flags } from "../../config/config.ts";
import type { Clara1GatewayFrame } from "../../protocol/clara1.ts";
import { ChatClient } from "./client.ts";
import { ChatScreen } from "./screen.ts";
import { locateGateway } from "../client/locator.ts";
import { writeOut } from "../write_out.ts";

/** Connections that fail before piped input is given up. */
const maxFailures = 3;

/** Talks with the gateway until the input ends; resolves with the exit code. */
export async function chat(flags: Flags): Promise<number> {
  const config = await locateGateway(flags);
  const screen = new ChatScreen({ color: Deno.stdout.isTerminal(), write: writeOut });
  const terminal = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  const lines = createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal,
    prompt: screen.prompt,
  });
  const waiting: string[] = [];
  let current: string | undefined;
  let cancelling = false;
  let inputOver = false;
  let refused = false;
  let connected = false;
  let failures = 0;
  let left = false;
  /** The approval that is asked for. */
  let question: string | undefined;

  return await new Promise((resolve) => {
    const capabilities = ["streaming", "attachments", ...(terminal ? ["approvals"] : [])];
    const client = new ChatClient({ ...config, capabilities, onFrame, onState });

    lines.on("line", (line) => {
      if (question !== undefined) return answer(line);
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
      } else if (terminal) {
        lines.prompt();
      }
    }

    /** A tool waits for leave: what is typed next is the answer. */
    function ask(frame: Extract<Clara1GatewayFrame, { type: "approval_request" }>): void {
      question = frame.approval_id;
      screen.note(`${frame.description}? It is ${frame.tool_name} ${frame.arguments}`);
      lines.setPrompt("  allow it? [y/N] ");
      lines.prompt();
    }

    function answer(line: string): void {
      client.approve(question!, /^\s*y(es)?\s*$/i.test(line));
      forgetQuestion();
    }

    function forgetQuestion(): void {
      question = undefined;
      lines.setPrompt(screen.prompt);
    }

    function interrupt(): void {
      if (current === undefined || cancelling) return leave(current === undefined ? 0 : 130);
      cancelling = true;
      client.cancel();
      screen.note("cancelling; Ctrl-C again leaves");
    }

    function onFrame(frame: Clara1GatewayFrame): void {
      if (frame.type === "error" && frame.code === "unauthorized") refused = true;
      if (frame.type === "approval_request") ask(frame);
      if (screen.show(frame, current)) {
        forgetQuestion();
        current = undefined;
        next();
      }
    }

    function onState(state: "connected" | "lost", detail: string): void {
      const idle = inputOver && current === undefined && waiting.length === 0;
      if (refused) return leave(1);
      if (state === "lost" && idle) {
        screen.note(`no connection to ${config.url} (${detail})`);
        return leave(1);
      }
      connected ||= state === "connected";
      if (state === "connected") {
        screen.note(`connected to ${detail}`);
        if (current === undefined) next();
      } else {
        screen.note(`no connection to ${config.url} (${detail}); trying again`);
        // Nobody is there to see it and to start a gateway.
        if (!connected && !terminal && ++failures === maxFailures) {
          screen.note("no gateway runs there: start one, or say where it is with --url");
          leave(1);
        }
      }
    }

    function leave(code: number): void {
      // Closing the lines ends the input, and that leaves, too.
      if (left) return;
      left = true;
      lines.close();
      screen.leave();
      client[Symbol.asyncDispose]().then(() => resolve(code));
    }
  });
}
