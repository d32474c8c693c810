/**
 * The command `chat`: a terminal adapter over the WebSocket that all adapters use. Ctrl-C cancels the turn;
 * a second one exits.
 */

import { createInterface, type Interface } from "node:readline";
import process from "node:process";
import type { Flags } from "../../config/config.ts";
import type { Clara1GatewayFrame } from "../../protocol/clara1.ts";
import { type GatewayLocation, locateGateway } from "../client/location.ts";
import { oneLine, writeOut } from "../output.ts";
import { ChatClient } from "./client.ts";
import { ChatScreen } from "./screen.ts";

/** How many connection attempts may fail before piped input is given up. */
const maxFailures = 3;
const exitInterrupted = 130;

/** Runs `chat` until the input ends. */
export async function chat(flags: Flags): Promise<number> {
  return await new ChatSession(await locateGateway(flags)).ended;
}

type ApprovalRequest = Extract<Clara1GatewayFrame, { type: "approval_request" }>;

/** Sends the lines of the terminal one after another and shows the replies. */
class ChatSession {
  /** Resolves with the exit code. */
  readonly ended: Promise<number>;
  readonly #url: string;
  /** Whether a person types and reads. */
  readonly #interactive = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  readonly #screen = new ChatScreen({ color: Deno.stdout.isTerminal(), write: writeOut });
  readonly #input: Interface;
  readonly #client: ChatClient;
  readonly #end: (exitCode: number) => void;
  /** Lines that wait for the current request to end. */
  readonly #queue: string[] = [];
  #currentRequest?: string;
  #cancelling = false;
  #inputEnded = false;
  #connected = false;
  #refused = false;
  #failures = 0;
  #leaving = false;
  /** The approval that the next line answers. */
  #approvalId?: string;

  constructor({ url, secret, userName }: GatewayLocation) {
    this.#url = url;
    ({ promise: this.ended, resolve: this.#end } = Promise.withResolvers<number>());
    this.#input = createInterface({
      input: process.stdin,
      output: process.stdout,
      terminal: this.#interactive,
      prompt: this.#screen.prompt,
    });
    this.#client = new ChatClient({
      url,
      secret,
      userName,
      capabilities: ["streaming", "attachments", ...(this.#interactive ? ["approvals"] : [])],
      onFrame: (frame) => this.#onFrame(frame),
      onState: (state, detail) => this.#onState(state, detail),
    });
    this.#input.on("line", (line) => this.#onLine(line));
    this.#input.on("SIGINT", () => this.#interrupt());
    this.#input.on("close", () => {
      this.#inputEnded = true;
      this.#next();
    });
    if (!Deno.stdin.isTerminal()) Deno.addSignalListener("SIGINT", () => this.#interrupt());
  }

  #onLine(line: string): void {
    if (this.#approvalId !== undefined) {
      this.#client.approve(this.#approvalId, /^\s*y(es)?\s*$/i.test(line));
      return this.#endApproval();
    }
    if (line.trim() !== "") this.#queue.push(line);
    this.#next();
  }

  /** Sends the next line, if no request is running. */
  #next(): void {
    if (this.#currentRequest !== undefined) return;
    const content = this.#queue.shift();
    if (content !== undefined) {
      this.#cancelling = false;
      this.#currentRequest = this.#client.say(content);
    } else if (this.#inputEnded) {
      // Until the gateway has answered, it may still refuse this terminal.
      if (this.#connected) this.#leave(0);
    } else if (this.#interactive) {
      this.#input.prompt();
    }
  }

  #askApproval(request: ApprovalRequest): void {
    this.#approvalId = request.approval_id;
    this.#screen.note(request.description);
    this.#screen.note(request.arguments);
    this.#input.setPrompt(`  Allow ${oneLine(request.tool_name)} to run this? [y/N] `);
    this.#input.prompt();
  }

  #endApproval(): void {
    this.#approvalId = undefined;
    this.#input.setPrompt(this.#screen.prompt);
  }

  #interrupt(): void {
    if (this.#currentRequest === undefined) return this.#leave(0);
    if (this.#cancelling) return this.#leave(exitInterrupted);
    this.#cancelling = true;
    this.#client.cancel();
    this.#screen.note("cancelling; press Ctrl-C again to exit");
  }

  #onFrame(frame: Clara1GatewayFrame): void {
    if (frame.type === "error" && frame.code === "unauthorized") this.#refused = true;
    if (frame.type === "approval_request") this.#askApproval(frame);
    if (!this.#screen.show(frame, this.#currentRequest)) return;
    this.#endApproval();
    this.#currentRequest = undefined;
    this.#next();
  }

  #onState(state: "connected" | "lost", detail: string): void {
    if (this.#refused) return this.#leave(1);
    if (state === "connected") {
      this.#connected = true;
      this.#screen.note(`connected to ${detail}`);
      return this.#next();
    }
    const problem = `no connection to ${this.#url} (${detail})`;
    const idle = this.#currentRequest === undefined && this.#queue.length === 0;
    if (this.#inputEnded && idle) {
      this.#screen.note(problem);
      return this.#leave(1);
    }
    this.#screen.note(`${problem}; trying again`);
    // With piped input, nobody is there to start a gateway.
    if (this.#connected || this.#interactive || ++this.#failures < maxFailures) return;
    this.#screen.note("no gateway is running there: start one, or give its address with --url");
    this.#leave(1);
  }

  #leave(exitCode: number): void {
    // Closing the input calls this again.
    if (this.#leaving) return;
    this.#leaving = true;
    this.#input.close();
    this.#screen.startLine();
    this.#client[Symbol.asyncDispose]().then(() => this.#end(exitCode));
  }
}
