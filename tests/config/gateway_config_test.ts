import assert from "node:assert/strict";
import { defaultValues, toGatewayConfig } from "../../src/config/gateway_config.ts";
import { limitSettings } from "../../src/config/limits.ts";
import { settingGroups, settings, type Values } from "../../src/config/settings.ts";

function configOf(values: Partial<Values>) {
  const environment = { environment: () => undefined, childEnvironment: {} };
  return toGatewayConfig({ ...defaultValues(), dataDir: "/data", ...values }, environment);
}

Deno.test("every setting has a name of its own and belongs to one group", () => {
  const grouped = Object.values(settingGroups).flatMap((group) => Object.keys(group));
  assert.deepEqual(grouped.toSorted(), Object.keys(settings).toSorted());
  const names = Object.values(settings).flatMap(({ env, flag }) => flag ? [env, flag] : [env]);
  assert.equal(new Set(names).size, names.length);
});

Deno.test("every default is valid", () => {
  for (const { env, fallback, shown, parse } of Object.values(settings)) {
    // Defaults that are computed, and 0 for "by model", cannot be set.
    if (fallback === undefined || shown.startsWith("(")) continue;
    assert.deepEqual(parse(shown), fallback, env);
  }
});

Deno.test("the limits contain exactly the settings of their table", () => {
  const { limits } = configOf({ toolRounds: 7 });
  assert.deepEqual(Object.keys(limits), Object.keys(limitSettings));
  assert.equal(limits.toolRounds, 7);
});

Deno.test("memory auto means mem0 if it is configured, else embedded", () => {
  assert.equal(configOf({}).memory.kind, "embedded");
  assert.equal(configOf({ mem0ApiKey: "key" }).memory.kind, "mem0");
  assert.equal(configOf({ memory: "off", mem0ApiKey: "key" }).memory.kind, "off");
  assert.throws(() => configOf({ memory: "mem0" }), /set MEM0_API_KEY, MEM0_BASE_URL, or both/);
});

Deno.test("the secrets of the log include passwords in URLs", () => {
  const { log } = configOf({ secret: "s3cret", baseUrl: "http://me:hidden@host/v1" });
  assert.ok(log.secrets!.includes("s3cret"));
  assert.ok(log.secrets!.includes("hidden"));
});

Deno.test("groups do not leak the secrets of other groups", () => {
  const config = configOf({ apiKey: "provider-key", mem0ApiKey: "mem0-key" });
  const { llm: _llm, memory: _memory, log: _log, ...rest } = config;
  assert.doesNotMatch(JSON.stringify(rest), /provider-key|mem0-key/);
});
