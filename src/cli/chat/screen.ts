/** Shows frames in the terminal. Pure except for `write`. */

import { Buffer } from "node:buffer";
import type { Clara1GatewayFrame } from "../../protocol/clara1.ts";

/** Options of a {@linkcode ChatScreen}. */
export interface ChatScreenOptions {
  readonly color: boolean;
  readonly write: (text: string) => void;
}

const bold = "\x1b[1m";
const dim = "\x1b[2m";
const red = "\x1b[31m";
const reset = "\x1b[0m";

/** Control characters other than tab and newline: a reply must not control the terminal. */
const controls = /(?![\t\n])\p{Cc}/gu;

export class ChatScreen {
  readonly #options: ChatScreenOptions;
  /** Whether the cursor is at the start of a line. */
  #atLineStart = true;
  /** Whether text of the current reply was shown since its last `response_start`. */
  #shown = false;

  constructor(options: ChatScreenOptions) {
    this.#options = options;
  }

  get prompt(): string {
    return this.#style(bold, "you> ");
  }

  /** Shows a frame; returns whether it ends the current request. */
  show(frame: Clara1GatewayFrame, currentRequest: string | undefined): boolean {
    const current = "request_id" in frame && frame.request_id === currentRequest;
    switch (frame.type) {
      case "status":
        if (frame.position) this.note(`queued at position ${frame.position}`);
        return false;
      case "response_start":
        if (!current) return false;
        this.startLine();
        this.#write(this.#style(bold, "clara> "));
        this.#shown = false;
        return false;
      case "response_chunk":
        if (current) this.#writeReply(frame.content);
        return false;
      case "tool_status":
        this.note(describeTool(frame));
        return false;
      case "response_end":
        // A reply that ended while the terminal was disconnected arrives as a whole.
        if (current && !this.#shown) this.#writeReply(frame.content);
        for (const file of frame.files) {
          const size = Buffer.from(file.content_base64, "base64").length;
          this.note(`file: ${file.filename} (${file.media_type}, ${size} bytes)`);
        }
        break;
      case "cancelled":
        this.note("cancelled");
        break;
      case "error":
        this.startLine();
        this.#write(`${this.#style(red, `${frame.code}: ${frame.message}`)}\n`);
        break;
      case "proactive_message":
        this.startLine();
        this.#write(`${this.#style(bold, "clara> ")}${frame.content.replace(controls, "")}\n`);
        return false;
      case "going_away":
        this.note("the gateway is stopping");
        return false;
      default:
        return false;
    }
    this.startLine();
    return current;
  }

  /** Shows a line of the terminal itself. */
  note(text: string): void {
    this.startLine();
    this.#write(`${this.#style(dim, `  ${text.replace(controls, "")}`)}\n`);
  }

  /** Moves the cursor to the start of a line. */
  startLine(): void {
    if (!this.#atLineStart) this.#write("\n");
  }

  #writeReply(text: string): void {
    this.#shown ||= text !== "";
    this.#write(text.replace(controls, ""));
  }

  #write(text: string): void {
    if (text === "") return;
    this.#options.write(text);
    this.#atLineStart = text.endsWith("\n");
  }

  #style(style: string, text: string): string {
    return this.#options.color ? `${style}${text}${reset}` : text;
  }
}

function describeTool(frame: Extract<Clara1GatewayFrame, { type: "tool_status" }>): string {
  if (frame.status === "running") return `${frame.description} …`;
  const mark = frame.status === "completed" ? "✓" : "✗";
  return `${mark} ${frame.description} (${frame.duration_ms} ms)`;
}
