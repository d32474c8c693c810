/** The documents on hooks, tasks and plugins name all that there is, and their examples work. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { eventNames } from "../../src/domain/events.ts";
import { toHookEvent } from "../../src/automation/hooks/event.ts";
import { hooksFileSchema, parseHooksFile } from "../../src/automation/hooks/file.ts";
import { sampleEvent } from "../../src/automation/hooks/sample_event.ts";
import { parseSchedulerFile, schedulerFileSchema } from "../../src/automation/scheduler/file.ts";
import { settings } from "../../src/config/settings.ts";
import { askAdmin } from "../support/admin_request.ts";
import { offeredTools } from "../support/mcp/mcp_folder.ts";
import { PluginFolder } from "../support/plugin_folder.ts";
import { TestGateway } from "../support/test_gateway.ts";

const folder = new URL("../../docs/", import.meta.url);

function read(name: string): string {
  return Deno.readTextFileSync(fileURLToPath(new URL(name, folder)));
}

/** The code blocks of a language. */
function blocks(text: string, language: string): readonly string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"))]
    .map(([, code]) => code!);
}

/** The words in backticks of a table's row; empty where there is no row that begins with the first. */
function rowOf(text: string, first: string): readonly string[] {
  const row = text.split("\n").find((line) => {
    const [, cell] = line.split("|");
    return cell !== undefined && cell.includes(`\`${first}\``);
  });
  return [...(row ?? "").matchAll(/`([^`]+)`/g)].map(([, word]) => word!);
}

/** All names of keys of a JSON Schema. */
function keysOf(schema: unknown): readonly string[] {
  if (typeof schema !== "object" || schema === null) return [];
  return Object.entries(schema).flatMap(([key, value]) =>
    key === "properties" ? [...Object.keys(value), ...keysOf(Object.values(value))] : keysOf(value)
  );
}

Deno.test("docs/hooks.md has every event with its data", () => {
  const text = read("hooks.md");
  for (const name of eventNames) {
    const [found, ...words] = rowOf(text, name);
    assert.equal(found, name, `${name} is missing`);
    const { data } = toHookEvent(sampleEvent({ event: name }));
    for (const key of Object.keys(data)) {
      assert.ok(words.includes(key), `${name}: ${key} is missing`);
    }
  }
});

const files = [
  ["hooks.md", hooksFileSchema],
  ["scheduler.md", schedulerFileSchema],
] as const;

for (const [name, schema] of files) {
  Deno.test(`docs/${name} has every key of the file`, () => {
    const keys = keysOf(z.toJSONSchema(schema, { io: "input" }));
    assert.ok(keys.length > 10);
    const text = read(name);
    for (const key of new Set(keys).difference(new Set(["hooks", "tasks"]))) {
      // `when` has keys of its own, told in its row.
      const row = [...rowOf(text, key), ...rowOf(text, "when")];
      assert.ok(row.includes(key), `${key} is missing`);
    }
  });
}

Deno.test("the settings that the documents name are there, with these values", () => {
  const names = new Set(Object.values(settings).map(({ env }) => env));
  const own = /^CLARA_(MAX|TOOL|DRAIN|HOOKS_DIR|SCHEDULER_DIR)/;
  const text = ["hooks.md", "scheduler.md", "plugins.md"].map(read).join("\n");
  const named = [...text.matchAll(/CLARA_[A-Z_]+/g)].map(([name]) => name!).filter((name) =>
    own.test(name) && name !== "CLARA_TOOL_NAME"
  );
  assert.ok(named.length > 5);
  for (const name of named) assert.ok(names.has(name), name);
  assert.ok(text.includes(`\`CLARA_MAX_CONCURRENT_HOOKS\` (${settings.concurrentHooks.fallback})`));
  assert.ok(
    text.includes(`\`CLARA_MAX_QUEUED_HOOK_EVENTS\` (${settings.queuedHookEvents.fallback})`),
  );
});

Deno.test("the examples of the files are taken as they stand", async () => {
  const [hooks, ...others] = blocks(read("hooks.md"), "yaml");
  assert.equal((await parseHooksFile(hooks!, "hooks.yaml")).length, 2);
  const [tasks, ...more] = blocks(read("scheduler.md"), "yaml");
  assert.equal((await parseSchedulerFile(tasks!, "scheduler.yaml")).length, 4);
  assert.deepEqual([others, more], [[], []]);
});

Deno.test("the example of docs/hooks.md is an event as it comes", () => {
  const [json] = blocks(read("hooks.md"), "json");
  const shown = JSON.parse(json!);
  const real = JSON.parse(JSON.stringify(toHookEvent(sampleEvent({ event: "tool:error" }))));
  assert.deepEqual(Object.keys(shown), Object.keys(real));
  assert.deepEqual(Object.keys(shown.data).sort(), Object.keys(real.data).sort());
});

Deno.test("the example of docs/plugins.md is a plugin", async () => {
  const [code] = blocks(read("plugins.md"), "ts");
  await using folder = new PluginFolder({
    "example.ts": code!.replace("../src/", new URL("../../src/", import.meta.url).href),
  });
  await using gateway = await TestGateway.start({
    config: { ...folder.config, toolsFile: folder.file("tools.yaml") },
  });
  const { hooks } = (await askAdmin(gateway, "/hooks")).body;
  assert.deepEqual(hooks!.map(({ event }) => event), ["session:start"]);
  const { tasks } = (await askAdmin(gateway, "/tasks")).body;
  assert.deepEqual(tasks!.map(({ name }) => name), ["hourly-cleanup", "daily-backup"]);
  folder.write("tools.yaml", "rules: [{ action: allow, tools: order_status }]");
  await gateway.restart();
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("Hello"));
  assert.ok(offeredTools(gateway.llm.requests[0]!.body).includes("order_status"));
});

Deno.test("docs/tools.md has every built-in tool", async () => {
  await using folder = new PluginFolder({ "tools.yaml": "rules: [{ action: allow }]" });
  await using gateway = await TestGateway.start({
    config: { toolsFile: folder.file("tools.yaml") },
  });
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("Hello"));
  const names = offeredTools(gateway.llm.requests[0]!.body);
  assert.ok(names.includes("schedule_reminder"));
  const text = read("tools.md");
  for (const name of names) assert.ok(rowOf(text, name).includes(name), `${name} is missing`);
});
