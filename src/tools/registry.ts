/** All tools: the built-in ones, and those of sources whose tools change (plugins, MCP servers). */

import type { Tool } from "./tool.ts";

/** Provides tools that may change at any time. */
export interface ToolSource {
  tools(): Iterable<Tool>;
}

export class ToolRegistry {
  readonly #tools = new Map<string, Tool>();
  readonly #sources: ToolSource[] = [];

  constructor(tools: readonly Tool[] = []) {
    tools.forEach((tool) => this.add(tool));
  }

  /** Adds a tool. @throws {Error} if the name is taken. */
  add(tool: Tool): void {
    if (this.#tools.has(tool.name)) {
      throw new Error(`Cannot add tool "${tool.name}": a tool with this name already exists`);
    }
    this.#tools.set(tool.name, tool);
  }

  /** Adds a source. If a name occurs twice, tools added directly and earlier sources win. */
  addSource(source: ToolSource): void {
    this.#sources.push(source);
  }

  get(name: string): Tool | undefined {
    const own = this.#tools.get(name);
    if (own) return own;
    for (const tool of this) if (tool.name === name) return tool;
    return undefined;
  }

  /** Iterates over all tools, each name once. */
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
