/** Loading plugins: slow ones, late registrations, names taken. */

import assert from "node:assert/strict";
import { EventBus } from "../../../src/domain/events.ts";
import { HookRunner } from "../../../src/automation/hooks/runner.ts";
import { Plugins } from "../../../src/automation/plugins/plugins.ts";
import { Scheduler } from "../../../src/automation/scheduler/scheduler.ts";
import { SqliteStore } from "../../../src/store/sqlite/store.ts";
import { ToolRegistry } from "../../../src/tools/registry.ts";
import { PluginFolder } from "../../support/plugin_folder.ts";

/** Plugins with their own hook runner, scheduler and tools. */
class PluginsFixture implements AsyncDisposable {
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

Deno.test("a plugin that takes too long to load is skipped, whatever it does later", async () => {
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
        // By now the other plugin would have been called.
        await import("./a_module.js");
        await new Promise((resolve) => setTimeout(resolve));
        gateway.hook("*", () => {}, { name: "too late" });
        gateway.tool({ name: "late", description: "D", run: () => 1 });
        globalThis[import.meta.dirname]("went on");
      };`,
    "c_good.js": 'export default (gateway) => gateway.hook("*", () => {}, { name: "good" });',
  });
  await using fixture = new PluginsFixture(folder.path, folder, 100);
  await fixture.plugins.load();
  for (const goOn of folder.reports.items.slice() as (() => void)[]) goOn();
  await folder.reports.waitFor((what) => what === "went on");
  assert.deepEqual(fixture.plugins.names, ["c_good.js"]);
  assert.deepEqual(fixture.hooks.list().map(({ hook }) => hook.name), ["good"]);
  assert.equal(fixture.registry.get("late"), undefined);
  assert.equal(folder.reports.items.length, 3);
});

Deno.test("a folder that is missing or a file has no plugins", async () => {
  await using folder = new PluginFolder({ "file.txt": "" });
  for (const path of [folder.file("missing"), folder.file("file.txt")]) {
    await using fixture = new PluginsFixture(path, folder, 100);
    await fixture.plugins.load();
    assert.deepEqual(fixture.plugins.names, []);
  }
});

Deno.test("a plugin that registers a taken name later is deactivated completely", async () => {
  await using folder = new PluginFolder({
    "a.js": 'export default (gateway) => gateway.hook("*", () => {}, { name: "taken" });',
    "b.js": `
      export default (gateway) => {
        gateway.hook("*", () => {}, { name: "own" });
        gateway.tool({ name: "tool", description: "D", run: () => 1 });
        globalThis[import.meta.dirname](() => gateway.hook("*", () => {}, { name: "taken" }));
      };`,
  });
  await using fixture = new PluginsFixture(folder.path, folder, 10_000);
  await fixture.plugins.load();
  assert.deepEqual(fixture.hooks.list().map(({ hook }) => hook.name), ["taken", "own"]);
  assert.ok(fixture.registry.get("tool"));
  const add = await folder.reports.waitFor(() => true) as () => void;
  add();
  assert.deepEqual(fixture.hooks.list().map(({ hook }) => hook.name), ["taken"]);
  assert.equal(fixture.registry.get("tool"), undefined);
});
