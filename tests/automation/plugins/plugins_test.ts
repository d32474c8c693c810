/** Loading plugins, beside a gateway: what takes too long, what comes too late. */

import assert from "node:assert/strict";
import { EventBus } from "../../../src/domain/events.ts";
import { HookRunner } from "../../../src/automation/hooks/hook_runner.ts";
import { Plugins } from "../../../src/automation/plugins/plugins.ts";
import { Scheduler } from "../../../src/automation/scheduler/scheduler.ts";
import { SqliteStore } from "../../../src/store/sqlite/store.ts";
import { ToolRegistry } from "../../../src/tools/registry.ts";
import { PluginFolder } from "../../support/plugin_folder.ts";

/** What plugins are loaded into. */
class Ground implements AsyncDisposable {
  readonly hooks: HookRunner;
  readonly scheduler: Scheduler;
  readonly registry = new ToolRegistry();
  readonly plugins: Plugins;
  readonly #store: SqliteStore;

  constructor(folder: string, { path }: PluginFolder, loadMs: number) {
    this.#store = SqliteStore.open(path);
    const { runs, tasks } = this.#store;
    const events = new EventBus();
    const common = { events, runs, childEnvironment: {}, environment: () => undefined };
    this.hooks = new HookRunner({ ...common, concurrentHooks: 1, queuedHookEvents: 10 });
    const prompts = { submit: () => Promise.resolve() };
    this.scheduler = new Scheduler({ ...common, tasks, prompts });
    const { hooks, scheduler, registry } = this;
    this.plugins = new Plugins({ folder, loadMs, hooks, scheduler, registry });
    registry.addSource(this.plugins);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scheduler.stop({ drainMs: 0 });
    await this.hooks.stop();
    await this.#store[Symbol.asyncDispose]();
  }
}

Deno.test("a plugin that does not come to an end is left out, whatever it does later", async () => {
  await using folder = new PluginFolder({
    "a_module.js": `
      await new Promise((resolve) => globalThis[import.meta.dirname](resolve));
      export default () => globalThis[import.meta.dirname]("must not be called");`,
    "b_function.js": `
      export default async (gateway) => {
        gateway.hook("*", () => {}, { name: "too early" });
        const { promise, resolve } = Promise.withResolvers();
        globalThis[import.meta.dirname](resolve);
        await promise;
        // The other one is called by now, if it is called at all.
        await import("./a_module.js");
        await new Promise((resolve) => setTimeout(resolve));
        gateway.hook("*", () => {}, { name: "too late" });
        gateway.tool({ name: "late", description: "D", run: () => 1 });
        globalThis[import.meta.dirname]("went on");
      };`,
    "c_good.js": 'export default (gateway) => gateway.hook("*", () => {}, { name: "good" });',
  });
  await using ground = new Ground(folder.path, folder, 100);
  await ground.plugins.load();
  for (const goOn of folder.told.items.slice() as (() => void)[]) goOn();
  await folder.told.waitFor((what) => what === "went on");
  assert.deepEqual(ground.plugins.names, ["c_good.js"]);
  assert.deepEqual(ground.hooks.list().map(({ hook }) => hook.name), ["good"]);
  assert.equal(ground.registry.get("late"), undefined);
  assert.equal(folder.told.items.length, 3);
});

Deno.test("a folder that is missing, or none, has no plugins", async () => {
  await using folder = new PluginFolder({ "file.txt": "" });
  for (const path of [folder.file("missing"), folder.file("file.txt")]) {
    await using ground = new Ground(path, folder, 100);
    await ground.plugins.load();
    assert.deepEqual(ground.plugins.names, []);
  }
});

Deno.test("a name that is taken later on takes all of the plugin out of force", async () => {
  await using folder = new PluginFolder({
    "a.js": 'export default (gateway) => gateway.hook("*", () => {}, { name: "taken" });',
    "b.js": `
      export default (gateway) => {
        gateway.hook("*", () => {}, { name: "own" });
        gateway.tool({ name: "tool", description: "D", run: () => 1 });
        globalThis[import.meta.dirname](() => gateway.hook("*", () => {}, { name: "taken" }));
      };`,
  });
  await using ground = new Ground(folder.path, folder, 10_000);
  await ground.plugins.load();
  assert.deepEqual(ground.hooks.list().map(({ hook }) => hook.name), ["taken", "own"]);
  assert.ok(ground.registry.get("tool"));
  const add = await folder.told.waitFor(() => true) as () => void;
  add();
  assert.deepEqual(ground.hooks.list().map(({ hook }) => hook.name), ["taken"]);
  assert.equal(ground.registry.get("tool"), undefined);
});
