/** Holds what one plugin registers, and activates all of it or nothing. */

import * as z from "zod";
import { errorText } from "../../lib/error_text.ts";
import { maxTimerSeconds } from "../../lib/wait.ts";
import { readPluginHook } from "../hooks/file.ts";
import type { HookRunner } from "../hooks/runner.ts";
import type { Hook } from "../hooks/hook.ts";
import { logger } from "../../logging/log.ts";
import { readPluginTask } from "../scheduler/file.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import type { Task } from "../scheduler/task.ts";
import { parseWith } from "../../lib/schema.ts";
import { type Tool, type ToolOutput, toolRisks } from "../../tools/tool.ts";
import type { ToolRegistry } from "../../tools/registry.ts";
import { version } from "../../config/version.ts";
import type { Gateway, PluginArguments, PluginTool } from "./plugin.ts";

/** Where plugins register their hooks, tasks and tools. */
export interface PluginHostOptions {
  readonly hooks: Pick<HookRunner, "replace">;
  readonly scheduler: Pick<Scheduler, "replace">;
  readonly registry: Pick<ToolRegistry, "get">;
}

export class PluginHost {
  readonly name: string;
  /** The tools that are offered, once the plugin is active. */
  tools: readonly Tool[] = [];
  readonly #options: PluginHostOptions;
  readonly #hooks: Hook[] = [];
  readonly #tasks: Task[] = [];
  readonly #tools: Tool[] = [];
  #active = false;

  /** @param name the module's file name. */
  constructor(name: string, options: PluginHostOptions) {
    this.name = name;
    this.#options = options;
  }

  /** The interface passed to the plugin. */
  readonly gateway: Gateway = {
    version,
    log: {
      debug: (text) => this.#log().debug("{text}", { text }),
      info: (text) => this.#log().info("{text}", { text }),
      warn: (text) => this.#log().warn("{text}", { text }),
      error: (text) => this.#log().error("{text}", { text }),
    },
    hook: (event, handler, options = {}) => {
      const count = this.#hooks.filter((hook) => hook.event === event).length;
      const name = options.name ?? `${this.name} ${event}${count > 0 ? ` ${count + 1}` : ""}`;
      assertUniqueName("hook", name, this.#hooks);
      this.#hooks.push(readPluginHook({ ...options, name, event }, handler as never));
      this.#onChange();
    },
    scheduled: (definition, handler) => {
      const task = readPluginTask(definition, handler);
      assertUniqueName("task", task.name, this.#tasks);
      this.#tasks.push(task);
      this.#onChange();
    },
    tool: (definition) => {
      const tool = readPluginTool(definition);
      const registered = this.#options.registry.get(tool.name);
      assertUniqueName("tool", tool.name, registered ? [registered] : this.#tools);
      this.#tools.push(tool);
      this.#onChange();
    },
  };

  /** Activates what was registered. @throws {Error} if a name is taken. */
  async activate(): Promise<void> {
    this.#active = true;
    const { hooks, scheduler } = this.#options;
    try {
      hooks.replace(this.name, this.#hooks);
      await scheduler.replace(this.name, this.#tasks);
      this.tools = [...this.#tools];
    } catch (error) {
      await this.deactivate();
      throw error;
    }
  }

  /** Removes everything that the plugin registered. */
  async deactivate(): Promise<void> {
    this.#active = false;
    this.tools = [];
    this.#options.hooks.replace(this.name, []);
    await this.#options.scheduler.replace(this.name, []);
  }

  /** Activates what a plugin registers after it was loaded. */
  #onChange(): void {
    if (!this.#active) return;
    this.activate().catch((error) =>
      this.#log().error("The plugin was deactivated: {error}", { error: errorText(error) })
    );
  }

  #log() {
    return logger("automation", "plugins", this.name);
  }
}

function assertUniqueName(
  kind: string,
  name: string,
  others: readonly { readonly name: string }[],
): void {
  if (!others.some((other) => other.name === name)) return;
  throw new Error(`Cannot add ${kind} "${name}": the name is taken`);
}

const pluginTool = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "expected letters, digits, _ and - (at most 64)")
    // The policy allows such names, because the operator has configured the MCP server.
    .refine((name) => !name.includes("__"), 'expected no "__": it marks the tools of MCP servers'),
  description: z.string().min(1),
  // A schema that the model provider rejects would make every request fail.
  parameters: z.looseObject({
    type: z.literal("object", 'expected a JSON Schema of type "object"').default("object"),
    properties: z.record(z.string(), z.unknown()).default({}),
    required: z.array(z.string()).optional(),
  }).default({ type: "object", properties: {} }),
  risk: z.enum(toolRisks).default("read"),
  emoji: z.string().default("🧩"),
  timeout: z.number().positive().max(maxTimerSeconds).optional(),
  run: z.custom<PluginTool["run"]>((value) => typeof value === "function", "expected a function"),
});

/** Checks a plugin's tool. @throws {Error} with the field and the expected value. */
function readPluginTool(definition: PluginTool): Tool {
  const read = parseWith(pluginTool, definition);
  if ("problem" in read) throw new Error(`Cannot add tool: ${read.problem}`);
  const { timeout, run, ...rest } = read.value;
  const { parameters, schema } = readParameters(rest);
  return {
    ...rest,
    parameters,
    timeoutMs: timeout === undefined ? undefined : timeout * 1000,
    parse: (json) => parseWith(schema, json),
    describe: () => `Using ${rest.name}`,
    run: async (input, { platform, userId, channelId, requestId, signal }) =>
      toOutput(
        await run(input as PluginArguments, {
          platform,
          user_id: userId,
          channel_id: channelId,
          request_id: requestId,
          signal,
        }),
      ),
  };
}

/** Copies the schema, so that the plugin cannot change it, and builds the check for arguments. */
function readParameters({ name, parameters }: Pick<Tool, "name" | "parameters">) {
  try {
    const copy: Tool["parameters"] = JSON.parse(JSON.stringify(parameters));
    return {
      parameters: copy,
      schema: z.fromJSONSchema(copy as Parameters<typeof z.fromJSONSchema>[0]),
    };
  } catch (error) {
    throw new Error(`Cannot add tool "${name}": "parameters": ${errorText(error)}`);
  }
}

function toOutput(result: unknown): ToolOutput {
  if (typeof result === "string") return result;
  // JSON.stringify returns undefined for undefined and for functions.
  return JSON.stringify(result) ?? "null";
}
