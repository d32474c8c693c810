/** What the terminal adapter shows, and how. Pure but for `write`. Used by `chat`. */

import { Buffer } from "node:buffer";
import type { Clara1GatewayFrame } from "../../protocol/clara1.ts";

/** What a {@linkcode ChatScreen} is given. */
export interface ChatScreenOptions {
  readonly color: boolean;
  readonly write: (text: string) => void;
}

const bold = "\x1b[1m";
const dim = "\x1b[2m";
const red = "\x1b[31m";
const reset = "\x1b[0m";

/** Control characters but tab and newline: a reply must not steer the terminal. */
const controls = /(?![\t\n])\p{Cc}/gu;

export class ChatScreen {
  readonly #options: ChatScreenOptions;
  /** Whether the cursor stands at the beginning of a line. */
  #fresh = true;
  /** Whether text of the current reply was shown since it began (anew). */
  #shown = false;

  constructor(options: ChatScreenOptions) {
    this.#options = options;
  }

  get prompt(): string {
    return this.#style(bold, "you> ");
  }

  /** Shows a frame; true when it ends the request `current`. */
  show(frame: Clara1GatewayFrame, current: string | undefined): boolean {
    switch (frame.type) {
      case "status":
        if (frame.position) this.note(`waiting at place ${frame.position}`);
        return false;
      case "response_start":
        if (frame.request_id !== current) return false;
        this.#line();
        this.#write(this.#style(bold, "clara> "));
        this.#shown = false;
        return false;
      case "response_chunk":
        if (frame.request_id === current) this.#text(frame.content);
        return false;
      case "tool_status":
        this.note(toolText(frame));
        return false;
      case "response_end":
        // A reply that ended while the terminal was away comes whole.
        if (frame.request_id === current && !this.#shown) this.#text(frame.content);
        for (const file of frame.files) {
          const size = Buffer.from(file.content_base64, "base64").length;
          this.note(`file: ${file.filename} (${file.media_type}, ${size} bytes)`);
        }
        break;
      case "cancelled":
        this.note("cancelled");
        break;
      case "error":
        this.#line();
        this.#write(`${this.#style(red, `${frame.code}: ${frame.message}`)}\n`);
        break;
      case "proactive_message":
        this.#line();
        this.#write(`${this.#style(bold, "clara> ")}${frame.content.replace(controls, "")}\n`);
        return false;
      case "going_away":
        this.note("the gateway is stopping");
        return false;
      default:
        return false;
    }
    this.#line();
    return "request_id" in frame && frame.request_id === current;
  }

  /** Shows a line about what is going on. */
  note(text: string): void {
    this.#line();
    this.#write(`${this.#style(dim, `  ${text.replace(controls, "")}`)}\n`);
  }

  /** Leaves the cursor at the beginning of a line. */
  leave(): void {
    this.#line();
  }

  #text(text: string): void {
    this.#shown ||= text !== "";
    this.#write(text.replace(controls, ""));
  }

  #line(): void {
    if (!this.#fresh) this.#write("\n");
  }

  #write(text: string): void {
    if (text === "") return;
    this.#options.write(text);
    this.#fresh = text.endsWith("\n");
  }

  #style(style: string, text: string): string {
    return this.#options.color ? `${style}${text}${reset}` : text;
  }
}

function toolText(frame: Extract<Clara1GatewayFrame, { type: "tool_status" }>): string {
  if (frame.status === "running") return `${frame.description} …`;
  const mark = frame.status === "completed" ? "✓" : "✗";
  return `${mark} ${frame.description} (${frame.duration_ms} ms)`;
}
