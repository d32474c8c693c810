/** Invalid plugins: each is logged with a clear reason, the others work. */

import assert from "node:assert/strict";
import { AdapterClient } from "../../support/adapter/client.ts";
import { askAdmin } from "../../support/admin_request.ts";
import { GatewayProcess } from "../../support/process/gateway_process.ts";
import { PluginFolder } from "../../support/plugin_folder.ts";

/** Returns a module whose default export runs `body`. */
function plugin(body: string): string {
  return `export default (gateway) => { ${body} };`;
}

const minutely = 'type: "interval", interval: 60';

/** Modules, and the error of each. */
const invalid: Readonly<Record<string, readonly [text: string, why: RegExp]>> = {
  "export.js": ["export const nothing = 1;", /default export is not a function/],
  "object.js": ["export default { hook() {} };", /default export is not a function/],
  "syntax.js": ["export default (gateway => {", /Expected|Unexpected/],
  "import.js": ['import "./missing_module.js"; export default () => {};', /missing_module/],
  "top.js": ['throw new Error("at the top"); export default 1;', /at the top/],
  "throws.js": [plugin('throw new Error("at once");'), /at once/],
  "rejects.js": ['export default async () => { throw new Error("a bit later"); };', /a bit later/],
  "throws_nothing.js": [plugin("throw undefined;"), /undefined/],
  "throws_odd.js": [plugin("throw Object.create(null);"), /a value without text/],
  "event.js": [plugin('gateway.hook("tool:never", () => {});'), /"event": expected .*tool:error/],
  "handler.js": [plugin('gateway.hook("tool:end");'), /Cannot add hook: expected a function/],
  "hook_options.js": [
    plugin('gateway.hook("tool:end", () => {}, { timeout: -1 });'),
    /"timeout": .*expected number to be >0/,
  ],
  "hook_unknown.js": [
    plugin('gateway.hook("tool:end", () => {}, { timout: 5 });'),
    /Unrecognized key: "timout"/,
  ],
  "hook_twins.js": [
    plugin('for (const _ of "ab") gateway.hook("tool:end", () => {}, { name: "twins" });'),
    /hook "twins".*the name is taken/,
  ],
  "hook_taken.js": [
    plugin('gateway.hook("tool:end", () => {}, { name: "of-the-file" });'),
    /There is already a hook "of-the-file" from .*hooks\.yaml/,
  ],
  "task.js": [
    plugin('gateway.scheduled({ name: "x", type: "cron", cron: "* * *" }, () => {});'),
    /Cannot add task "x": "cron": expected a cron expression of 5 or 6 fields/,
  ],
  "task_nothing.js": [plugin("gateway.scheduled();"), /Cannot add task/],
  "task_handler.js": [
    plugin(`gateway.scheduled({ name: "y", ${minutely} });`),
    /expected a function/,
  ],
  "task_twins.js": [
    plugin(`for (const _ of "ab") gateway.scheduled({ name: "twin", ${minutely} }, () => {});`),
    /task "twin".*the name is taken/,
  ],
  "task_taken.js": [
    plugin(`gateway.hook("*", () => {}, { name: "must go, too" });
      gateway.scheduled({ name: "of-the-file", type: "one_shot", delay: 60 }, () => {});`),
    /There is already a task "of-the-file" from .*scheduler\.yaml/,
  ],
  "tool_taken.js": [
    plugin('gateway.tool({ name: "current_time", description: "Mine", run: () => 1 });'),
    /Cannot add tool "current_time": the name is taken/,
  ],
  "tool_name.js": [
    plugin('gateway.tool({ name: "a b", description: "Mine", run: () => 1 });'),
    /"name": expected letters/,
  ],
  "tool_mcp_name.js": [
    plugin('gateway.tool({ name: "files__write", description: "Mine", run: () => 1 });'),
    /"name": expected .*__/,
  ],
  "tool_timeout.js": [
    plugin('gateway.tool({ name: "slow", description: "D", timeout: 2147484, run: () => 1 });'),
    /"timeout": .*expected number to be <=2147483/,
  ],
  "tool_run.js": [
    plugin('gateway.tool({ name: "x", description: "Mine" });'),
    /"run": expected a function/,
  ],
  "tool_unknown.js": [
    plugin('gateway.tool({ name: "x", description: "Mine", parameter: {}, run: () => 1 });'),
    /Unrecognized key: "parameter"/,
  ],
  "tool_no_object.js": [
    plugin(
      'gateway.tool({ name: "x", description: "D", parameters: { type: "string" }, run() {} });',
    ),
    /"parameters.type": expected a JSON Schema of type "object"/,
  ],
  "tool_schema.js": [
    plugin(`gateway.tool({ name: "x", description: "D", run() {},
      parameters: { type: "object", properties: { a: { $ref: "#/nowhere" } } } });`),
    /Cannot add tool "x": .*nowhere/,
  ],
  "tool_pattern.js": [
    plugin(`gateway.tool({ name: "x", description: "D", run() {},
      parameters: { type: "object", properties: { a: { type: "string", pattern: "(" } } } });`),
    /Cannot add tool "x": .*regular expression/,
  ],
  "tool_cycle.js": [
    plugin(`const parameters = { type: "object" }; parameters.properties = { parameters };
      gateway.tool({ name: "x", description: "D", parameters, run() {} });`),
    /Cannot add tool "x": .*(circular|call stack)/i,
  ],
};

/** Files that are not plugins; each would log an error if it were loaded. */
const others = ["types.d.ts", "example_test.ts", "example.test.js", "notes.md", "helper.mjs"];

Deno.test("invalid plugins are skipped and logged, valid ones work", async () => {
  await using folder = new PluginFolder({
    "hooks.yaml": "hooks: [{ name: of-the-file, event: gateway:startup, command: 'true' }]",
    "scheduler.yaml":
      "tasks: [{ name: of-the-file, type: interval, interval: 3600, command: 'true' }]",
    ...Object.fromEntries(Object.entries(invalid).map(([name, [text]]) => [name, text])),
    ...Object.fromEntries(others.map((name) => [name, 'throw new Error("loaded");'])),
    "zebra.ts": plugin('gateway.hook("message:sent", () => console.log("zebra heard it"));'),
  });
  await using gateway = await GatewayProcess.start({ env: folder.env });
  for (const [name, [, why]] of Object.entries(invalid)) {
    const line = gateway.log.find((line) => line.includes(`"name":"${name}"`)) ?? "{}";
    const { level, message, error } = JSON.parse(line);
    assert.equal(level, "ERROR", `${name} is not logged:\n${gateway.log.join("\n")}`);
    assert.match(message, /Cannot load plugin/);
    assert.match(error, why);
  }
  assert.ok(!gateway.log.some((line) => line.includes("loaded")));
  const { hooks } = (await askAdmin(gateway, "/hooks")).body;
  assert.deepEqual(hooks!.map(({ name }) => name), ["of-the-file", "zebra.ts message:sent"]);
  const { tasks } = (await askAdmin(gateway, "/tasks")).body;
  assert.deepEqual(tasks!.map(({ name }) => name), ["of-the-file"]);
  await using adapter = await AdapterClient.connect({ url: gateway.url });
  await adapter.replyTo(adapter.say("Hello"));
  await gateway.waitForLog(/^zebra heard it$/);
});

Deno.test("uncaught errors of a plugin do not stop the gateway", async () => {
  await using folder = new PluginFolder({
    "timer.js": plugin(`
      setTimeout(() => { throw new Error("thrown in a timer"); });
      setTimeout(() => gateway.hook("no:event", () => {}));
      Promise.reject(new Error("rejected unheard"));
      queueMicrotask(() => { throw new Error("thrown in a microtask"); });`),
  });
  await using gateway = await GatewayProcess.start({ env: folder.env });
  for (
    const text of ["in a timer", "in a microtask", "rejected unheard", "Cannot add hook.*event"]
  ) {
    await gateway.waitForLog(new RegExp(`"level":"ERROR".*${text}`));
  }
  assert.equal((await gateway.health()).status, "ok");
  assert.equal((await gateway.kill("SIGTERM")).code, 0);
});
