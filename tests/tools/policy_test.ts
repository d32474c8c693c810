/** The rules for tools, and the file that contains them. */

import assert from "node:assert/strict";
import { ConfigError } from "../../src/lib/config_error.ts";
import { matchesGlob } from "../../src/lib/glob.ts";
import type { ToolRisk } from "../../src/tools/tool.ts";
import {
  parseToolsFile,
  type PolicyRule,
  readToolsFile,
  ToolPolicy,
} from "../../src/tools/policy.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

const context = { platform: "telegram", channelId: "c1", userId: "u1" };

function decide(rules: readonly PolicyRule[], name: string, risk: ToolRisk = "read", at = {}) {
  return new ToolPolicy(rules).decide({ name, risk }, { ...context, ...at });
}

Deno.test("by default only tools that read and a few others are allowed", () => {
  assert.equal(decide([], "anything"), "allow");
  for (const risk of ["write", "execute", "network"] as const) {
    assert.equal(decide([], "anything", risk), "deny");
    assert.equal(decide([], "server__tool", risk), "allow");
  }
  assert.equal(decide([], "remember", "write"), "allow");
});

Deno.test("the first matching rule decides", () => {
  const rules: readonly PolicyRule[] = [
    { action: "ask", tools: ["delete_*"], users: ["u1"] },
    { action: "allow", tools: ["delete_file"] },
    { action: "deny", risks: ["network", "read"], channels: ["c2"] },
    { action: "deny", platforms: ["irc"] },
  ];
  assert.equal(decide(rules, "delete_file", "write"), "ask");
  assert.equal(decide(rules, "delete_file", "write", { userId: "u2" }), "allow");
  assert.equal(decide(rules, "delete_all", "write", { userId: "u2" }), "deny");
  assert.equal(decide(rules, "time", "read", { channelId: "c2" }), "deny");
  assert.equal(decide(rules, "time", "read"), "allow");
  assert.equal(decide(rules, "time", "read", { platform: "irc" }), "deny");
});

Deno.test("an empty list matches nothing", () => {
  assert.equal(decide([{ action: "deny", tools: [] }], "time"), "allow");
});

Deno.test("in a pattern only * is special; it matches any characters", () => {
  const cases: readonly (readonly [pattern: string, name: string, matches: boolean])[] = [
    ["*", "", true],
    ["*", "anything", true],
    ["a", "a", true],
    ["a", "ab", false],
    ["a*", "a", true],
    ["*a", "ba", true],
    ["a*a", "a", false],
    ["a*a", "aa", true],
    ["a*b*c", "a_b_b_c", true],
    ["a*b*c", "acb", false],
    ["*__*", "server__tool", true],
    ["*__*", "plain_tool", false],
    ["a.c", "abc", false],
    ["(a+)+$", "aaaa", false],
  ];
  for (const [pattern, name, matches] of cases) {
    assert.equal(matchesGlob(pattern, name), matches, `${pattern} on ${name}`);
  }
});

Deno.test("a rule accepts a single value or a list", async () => {
  const text = `
rules:
  - { action: allow, tools: a, risk: read, platform: p, channel: c, user: u }
  - action: deny
    tools: [a, "b*"]
    risk: [write, execute]
`;
  const [first, second] = await parseToolsFile(text, "tools.yaml");
  assert.deepEqual(first, {
    action: "allow",
    tools: ["a"],
    risks: ["read"],
    platforms: ["p"],
    channels: ["c"],
    users: ["u"],
  });
  assert.deepEqual(second!.tools, ["a", "b*"]);
  assert.deepEqual(second!.risks, ["write", "execute"]);
  assert.equal(second!.users, undefined);
});

Deno.test("an empty or missing file has no rules", async () => {
  await using folder = new TempFolder();
  assert.deepEqual(await readToolsFile(`${folder.path}/tools.yaml`), []);
  for (const text of ["", "# nothing\n", "rules: []", "{}"]) {
    assert.deepEqual(await parseToolsFile(text, "t"), []);
  }
});

const invalidFiles: readonly (readonly [text: string, says: string])[] = [
  ["rules:\n  - tools: a\n", 't:2: "rules.0.action": '],
  ["rules:\n  - action: allow\n\n  - action: no\n", 't:4: "rules.1.action": '],
  ["rules:\n  - action: allow\n    risk: [read, evil]\n", 't:3: "rules.0.risk'],
  ["rules:\n  - action: allow\n    user: 12345\n", 't:3: "rules.0.user": '],
  ["rules: yes please\n", 't:1: "rules": '],
  ["rule: []\n", 't:1: Unrecognized key: "rule"'],
  ["rules: [\n", "t:"],
  ["rules: *x\n", "t: Unresolved alias"],
  ["a: 1\na: 2\n", "t:2: "],
];

for (const [text, says] of invalidFiles) {
  Deno.test(`${JSON.stringify(text)} is refused with file, line and key`, async () => {
    await assert.rejects(parseToolsFile(text, "t"), (error) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.ok(error.message.includes(says), error.message);
      return true;
    });
  });
}

Deno.test("the error for an unreadable file names it", async () => {
  await using folder = new TempFolder();
  await assert.rejects(readToolsFile(folder.path), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.ok(error.message.startsWith(`Cannot read ${folder.path}: `));
    return true;
  });
});
