/**
 * The plugins of the hooks folder, loaded when the gateway starts. One that cannot be loaded, throws
 * or takes too long is reported and left out; the others are not concerned.
 */

import { join, resolve } from "node:path";
import { Deadline } from "../../lib/deadline.ts";
import { errorText } from "../../lib/error_text.ts";
import { logger } from "../../logging/log.ts";
import type { Tool } from "../../tools/tool.ts";
import type { ToolSource } from "../../tools/registry.ts";
import { importModule } from "./module_import.ts";
import type { PluginHost, PluginHostOptions } from "./plugin_host.ts";

const log = logger("automation", "plugins");

/** What {@linkcode Plugins} are given. */
export interface PluginsOptions extends PluginHostOptions {
  /** The hooks folder; it may be missing. */
  readonly folder: string;
  /** How long one plugin may take to load, milliseconds. Default: 10,000. */
  readonly loadMs?: number;
}

export class Plugins implements ToolSource {
  readonly #options: PluginsOptions;
  #hosts: readonly PluginHost[] = [];

  constructor(options: PluginsOptions) {
    this.#options = options;
  }

  /** The names of those that are in force. */
  get names(): readonly string[] {
    return this.#hosts.map(({ name }) => name);
  }

  *tools(): Generator<Tool> {
    for (const { tools } of this.#hosts) yield* tools;
  }

  /** Loads all plugins, in the order of their names. */
  async load(): Promise<void> {
    const folder = resolve(this.#options.folder);
    for (const name of await moduleNames(folder)) {
      try {
        const host = await this.#load(join(folder, name), name);
        this.#hosts = [...this.#hosts, host];
        log.info("Plugin {name} is in force", { name });
      } catch (error) {
        log.error("Plugin {name} is left out: {error}", { name, error: errorText(error) });
      }
    }
  }

  async #load(path: string, name: string): Promise<PluginHost> {
    const { loadMs = 10_000 } = this.#options;
    const { PluginHost } = await import("./plugin_host.ts");
    const host = new PluginHost(name, this.#options);
    const reason = new Error(`it took longer than ${loadMs / 1000} seconds to load`);
    using deadline = new Deadline({ ms: loadMs, reason });
    const running = (async () => {
      const { default: plugin } = await importModule(path);
      if (deadline.timedOut) return;
      if (typeof plugin !== "function") throw new Error("it has no default export to call");
      await plugin(host.gateway);
    })();
    await deadline.race(running);
    await host.putIntoForce();
    return host;
  }
}

async function moduleNames(folder: string): Promise<readonly string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const isModule = /\.[jt]s$/.test(name) && !/(?:\.d|_test|\.test)\.[jt]s$/.test(name);
      if (isModule && !isDirectory) names.push(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      log.error("Cannot read {folder}: {error}", { folder, error: errorText(error) });
    }
  }
  return names.sort();
}
