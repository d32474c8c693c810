/** The tools that there are. The executor finds them here, the orchestrator lists them for the model. */

import { z } from "zod";
import type { Tool } from "./tool.ts";

/** A tool as a model is told of it. */
export interface ToolDeclaration {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

export class ToolRegistry {
  readonly #tools = new Map<string, Tool>();
  readonly #declarations = new Map<string, ToolDeclaration>();

  constructor(tools: readonly Tool[] = []) {
    tools.forEach((tool) => this.add(tool));
  }

  /** Adds a tool under its name. */
  add(tool: Tool): void {
    if (this.#tools.has(tool.name)) {
      throw new Error(`Cannot add tool "${tool.name}": there is one of this name`);
    }
    this.#tools.set(tool.name, tool);
    const { $schema: _, ...parameters } = z.toJSONSchema(tool.input, { io: "input" });
    const { name, description } = tool;
    this.#declarations.set(name, { name, description, parameters });
  }

  get(name: string): Tool | undefined {
    return this.#tools.get(name);
  }

  /** All tools, as a model is told of them. */
  declarations(): readonly ToolDeclaration[] {
    return [...this.#declarations.values()];
  }
}
