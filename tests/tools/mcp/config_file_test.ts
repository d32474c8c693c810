/** The configuration file of the MCP servers: validation and changes. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError } from "../../../src/lib/config_error.ts";
import { McpConfigFile } from "../../../src/tools/mcp/config_file.ts";
import { expandVariables } from "../../../src/lib/variables.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";

Deno.test("entries have defaults, and a missing file has no servers", async () => {
  await using folder = new TempFolder();
  const file = new McpConfigFile(join(folder.path, "mcp.json"));
  assert.equal(file.read().size, 0);
  file.write("a", { command: "x" });
  file.write("b", { url: "https://example.com", type: "sse", enabled: false });
  const { a, b } = Object.fromEntries(file.read());
  assert.deepEqual(a, {
    command: "x",
    args: [],
    env: {},
    headers: {},
    enabled: true,
    startTimeoutSeconds: 60,
  });
  assert.equal(b!.enabled, false);
});

Deno.test("a change is atomic, keeps unknown keys, and the file is private", async () => {
  await using folder = new TempFolder();
  const path = join(folder.path, "mcp.json");
  Deno.writeTextFileSync(path, '{"other":{"x":1},"mcpServers":{"a":{"command":"x","note":"n"}}}');
  const file = new McpConfigFile(path);
  file.change("a", { enabled: false });
  assert.throws(() => file.change("b", { enabled: false }), /no MCP server "b"/);
  assert.throws(() => file.write("b", { command: "" }), ConfigError);
  assert.throws(() => file.write("../b", { command: "x" }), /expected letters/);
  assert.deepEqual(JSON.parse(Deno.readTextFileSync(path)), {
    other: { x: 1 },
    mcpServers: { a: { command: "x", note: "n", enabled: false } },
  });
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["mcp.json"]);
  if (Deno.build.os !== "windows") assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
  file.write("a", undefined);
  assert.equal(file.read().size, 0);
});

Deno.test("the error for an unwritable folder names the file", async () => {
  await using folder = new TempFolder();
  const file = new McpConfigFile(join(folder.path, "no", "mcp.json"));
  assert.throws(() => file.write("a", { command: "x" }), /Cannot write .*no.mcp\.json/);
});

const invalidFiles: readonly (readonly [json: unknown, says: string])[] = [
  [[], "expected object"],
  [{ mcpServers: [] }, '"mcpServers": expected record'],
  [{ mcpServers: { "": { command: "x" } } }, '"mcpServers.": expected letters'],
  [{ mcpServers: { a: 7 } }, '"mcpServers.a": expected object'],
  [{ mcpServers: { a: { command: "x", url: "y" } } }, 'expected either "command" or "url"'],
  [{ mcpServers: { a: { command: "x", timeoutSeconds: 0 } } }, '"mcpServers.a.timeoutSeconds"'],
  [{ mcpServers: { a: { url: "x", type: "pigeon" } } }, '"mcpServers.a.type"'],
  [{ mcpServers: { a: { command: "x", env: { K: 1 } } } }, '"mcpServers.a.env.K"'],
];

for (const [json, says] of invalidFiles) {
  Deno.test(`${JSON.stringify(json)} is refused with its key`, async () => {
    await using folder = new TempFolder();
    const path = join(folder.path, "mcp.json");
    Deno.writeTextFileSync(path, JSON.stringify(json));
    assert.throws(() => new McpConfigFile(path).read(), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.ok(error.message.startsWith(`Cannot use ${path}: `), error.message);
      assert.ok(error.message.includes(says), error.message);
      return true;
    });
  });
}

Deno.test("variables are replaced once, by their value or default", () => {
  const values: Readonly<Record<string, string>> = { A: "1", B: "${A}", EMPTY: "" };
  const expand = (text: string) => expandVariables(text, (name) => values[name]);
  assert.equal(expand("${A}-${A}"), "1-1");
  assert.equal(expand("${B}"), "${A}");
  assert.equal(expand("${NONE:-a default}${NONE:-}"), "a default");
  assert.equal(expand("$A ${} ${1} {A}"), "$A ${} ${1} {A}");
  assert.equal(expand("${EMPTY:-not used}"), "");
  assert.throws(() => expand("${NONE}"), /environment variable NONE is not set/);
});
