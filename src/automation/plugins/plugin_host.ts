/** The gateway as one plugin sees it: keeps what the plugin registers, all of it or nothing. */

import { errorText } from "../../lib/error_text.ts";
import type { HookRunner } from "../hooks/hook_runner.ts";
import { readPluginHook } from "../hooks/plugin_hook.ts";
import type { Hook } from "../hooks/hook.ts";
import { logger } from "../../logging/log.ts";
import { readPluginTask } from "../scheduler/scheduler_file.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import type { Task } from "../scheduler/task.ts";
import type { Tool } from "../../tools/tool.ts";
import type { ToolRegistry } from "../../tools/registry.ts";
import { version } from "../../config/version.ts";
import type { Gateway } from "./plugin.ts";
import { pluginTool } from "./plugin_tool.ts";

/** Where plugins put what they register. */
export interface PluginHostOptions {
  readonly hooks: Pick<HookRunner, "replace">;
  readonly scheduler: Pick<Scheduler, "replace">;
  readonly registry: Pick<ToolRegistry, "get">;
}

export class PluginHost {
  readonly name: string;
  /** The tools that are offered, once the plugin has been put into force. */
  tools: readonly Tool[] = [];
  readonly #options: PluginHostOptions;
  readonly #hooks: Hook[] = [];
  readonly #tasks: Task[] = [];
  readonly #tools: Tool[] = [];
  #inForce = false;

  /** @param name the module's file name. */
  constructor(name: string, options: PluginHostOptions) {
    this.name = name;
    this.#options = options;
  }

  /** What the plugin is given. */
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
      refuseTwin("hook", name, this.#hooks);
      this.#hooks.push(readPluginHook({ ...options, name, event }, handler as never));
      this.#changed();
    },
    scheduled: (task, handler) => {
      const read = readPluginTask(task, handler);
      refuseTwin("task", read.name, this.#tasks);
      this.#tasks.push(read);
      this.#changed();
    },
    tool: (definition) => {
      const tool = pluginTool(definition);
      const taken = this.#options.registry.get(tool.name);
      refuseTwin("tool", tool.name, taken ? [taken] : this.#tools);
      this.#tools.push(tool);
      this.#changed();
    },
  };

  /** Puts into force what was registered. @throws {Error} where a name is taken. */
  async putIntoForce(): Promise<void> {
    this.#inForce = true;
    const { hooks, scheduler } = this.#options;
    try {
      hooks.replace(this.name, this.#hooks);
      await scheduler.replace(this.name, this.#tasks);
      this.tools = [...this.#tools];
    } catch (error) {
      await this.withdraw();
      throw error;
    }
  }

  /** Takes all of it out of force. */
  async withdraw(): Promise<void> {
    this.#inForce = false;
    this.tools = [];
    this.#options.hooks.replace(this.name, []);
    await this.#options.scheduler.replace(this.name, []);
  }

  /** What a plugin registers later on holds from then on. */
  #changed(): void {
    if (!this.#inForce) return;
    this.putIntoForce().catch((error) =>
      this.#log().error("The plugin is out of force: {error}", { error: errorText(error) })
    );
  }

  #log() {
    return logger("automation", "plugins", this.name);
  }
}

/** A name says which one is meant: there is one of each. */
function refuseTwin(
  what: string,
  name: string,
  others: readonly { readonly name: string }[],
): void {
  if (!others.some((other) => other.name === name)) return;
  throw new Error(`Cannot add ${what} "${name}": there is one of this name`);
}
