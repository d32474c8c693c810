/**
 * Separates a leading `<think>` block from an answer, however its tags are split across deltas. Servers
 * without a reasoning parser (Ollama, vLLM, MiniMax, DeepSeek distills) send reasoning inside the content.
 */

const names = ["think", "thinking", "thought", "reasoning"] as const;
const longestOpening = Math.max(...names.map((name) => name.length)) + 2;

/** One delta, separated. */
export interface SplitText {
  readonly text: string;
  readonly reasoning: string;
}

export class ThinkTagSplitter {
  #state: "start" | "thinking" | "after" | "text" = "start";
  /** Text that may be part of a tag, or of the white space around one. */
  #held = "";
  #closing = "";

  /** Separates the next delta. */
  add(delta: string): SplitText {
    if (this.#state === "text") return { text: delta, reasoning: "" };
    this.#held += delta;
    if (this.#state === "start") this.#open();
    let reasoning = "";
    if (this.#state === "thinking") reasoning = this.#think();
    if (this.#state === "after") {
      this.#held = this.#held.trimStart();
      if (this.#held !== "") this.#state = "text";
    }
    return { text: this.#state === "text" ? this.#release() : "", reasoning };
  }

  /** What was held back, once the answer is complete. */
  flush(): SplitText {
    const held = this.#release();
    if (this.#state === "thinking") return { text: "", reasoning: held };
    return { text: this.#state === "after" ? "" : held, reasoning: "" };
  }

  #release(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }

  #open(): void {
    const start = this.#held.trimStart();
    const lower = start.slice(0, longestOpening).toLowerCase();
    const name = names.find((name) => lower.startsWith(`<${name}>`));
    if (name) {
      this.#held = start.slice(name.length + 2);
      this.#closing = `</${name}>`;
      this.#state = "thinking";
    } else if (!names.some((name) => `<${name}>`.startsWith(lower))) {
      this.#state = "text";
    }
  }

  /** Returns the reasoning that is certain; keeps what may be the beginning of the closing tag. */
  #think(): string {
    const lower = this.#held.toLowerCase();
    const end = lower.indexOf(this.#closing);
    if (end >= 0) {
      const reasoning = this.#held.slice(0, end);
      this.#held = this.#held.slice(end + this.#closing.length);
      this.#state = "after";
      return reasoning;
    }
    let keep = Math.min(this.#closing.length - 1, lower.length);
    while (keep > 0 && !this.#closing.startsWith(lower.slice(lower.length - keep))) keep--;
    const reasoning = this.#held.slice(0, this.#held.length - keep);
    this.#held = this.#held.slice(this.#held.length - keep);
    return reasoning;
  }
}
