/** The tools that there are: the built-in ones, and those of sources that come and go (MCP). */

import type { Tool } from "./tool.ts";

/** Something that offers tools, now these, later perhaps others. */
export interface ToolSource {
  tools(): Iterable<Tool>;
}

export class ToolRegistry {
  readonly #tools = new Map<string, Tool>();
  readonly #sources: ToolSource[] = [];

  constructor(tools: readonly Tool[] = []) {
    tools.forEach((tool) => this.add(tool));
  }

  /** Adds a tool under its name. */
  add(tool: Tool): void {
    if (this.#tools.has(tool.name)) {
      throw new Error(`Cannot add tool "${tool.name}": there is one of this name`);
    }
    this.#tools.set(tool.name, tool);
  }

  /** Adds a source; a tool of its own goes before one of a source with the same name. */
  addSource(source: ToolSource): void {
    this.#sources.push(source);
  }

  get(name: string): Tool | undefined {
    const own = this.#tools.get(name);
    if (own) return own;
    for (const tool of this) if (tool.name === name) return tool;
    return undefined;
  }

  /** All tools, each name once. */
  *[Symbol.iterator](): Iterator<Tool> {
    const seen = new Set<string>();
    for (const source of [{ tools: () => this.#tools.values() }, ...this.#sources]) {
      for (const tool of source.tools()) {
        if (seen.has(tool.name)) continue;
        seen.add(tool.name);
        yield tool;
      }
    }
  }
}
