/**
 * Loads the plugins in the hooks folder when the gateway starts. A plugin that fails to load is logged and
 * skipped; it does not affect the others.
 */

import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Deadline } from "../../lib/deadline.ts";
import { errorText } from "../../lib/error_text.ts";
import { logger } from "../../logging/log.ts";
import type { Tool } from "../../tools/tool.ts";
import type { ToolSource } from "../../tools/registry.ts";
import type { PluginHost, PluginHostOptions } from "./host.ts";

const log = logger("automation", "plugins");

/** Options of {@linkcode Plugins}. */
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

  /** The names of the loaded plugins. */
  get names(): readonly string[] {
    return this.#hosts.map(({ name }) => name);
  }

  *tools(): Generator<Tool> {
    for (const { tools } of this.#hosts) yield* tools;
  }

  /** Loads all plugins, in order of their names. */
  async load(): Promise<void> {
    const folder = resolve(this.#options.folder);
    for (const name of await moduleNames(folder)) {
      try {
        const host = await this.#load(join(folder, name), name);
        this.#hosts = [...this.#hosts, host];
        log.info("Loaded plugin {name}", { name });
      } catch (error) {
        log.error("Cannot load plugin {name}: {error}", { name, error: errorText(error) });
      }
    }
  }

  async #load(path: string, name: string): Promise<PluginHost> {
    const { loadMs = 10_000 } = this.#options;
    const { PluginHost } = await import("./host.ts");
    const host = new PluginHost(name, this.#options);
    const reason = new Error(`it took longer than ${loadMs / 1000} seconds to load`);
    using deadline = new Deadline({ ms: loadMs, reason });
    const running = (async () => {
      const { default: plugin } = await importModule(path);
      if (deadline.timedOut) return;
      if (typeof plugin !== "function") throw new Error("its default export is not a function");
      await plugin(host.gateway);
    })();
    await deadline.race(running);
    await host.activate();
    return host;
  }
}

async function importModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  if (Deno.build.standalone && path.endsWith(".ts")) {
    const { importTypeScript } = await import("./typescript_module.ts");
    return await importTypeScript(path);
  }
  return await import(pathToFileURL(path).href);
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
