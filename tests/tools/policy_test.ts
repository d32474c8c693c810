/** Which rule decides on a tool. */

import assert from "node:assert/strict";
import { matchesGlob } from "../../src/lib/glob.ts";
import type { ToolRisk } from "../../src/tools/tool.ts";
import { type PolicyRule, ToolPolicy } from "../../src/tools/policy.ts";

const place = { platform: "telegram", channelId: "c1", userId: "u1" };

function decide(rules: readonly PolicyRule[], name: string, risk: ToolRisk = "read", at = {}) {
  return new ToolPolicy(rules).decide({ name, risk }, { ...place, ...at });
}

Deno.test("without rules tools that only read are allowed, and few others", () => {
  assert.equal(decide([], "anything"), "allow");
  for (const risk of ["write", "execute", "network"] as const) {
    assert.equal(decide([], "anything", risk), "deny");
    assert.equal(decide([], "server__tool", risk), "allow");
  }
  assert.equal(decide([], "remember", "write"), "allow");
});

Deno.test("the first rule that fits decides", () => {
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

Deno.test("a condition of an empty list fits nothing", () => {
  assert.equal(decide([{ action: "deny", tools: [] }], "time"), "allow");
});

Deno.test("a star in a pattern stands for any characters, all else for itself", () => {
  const cases: readonly (readonly [pattern: string, name: string, fits: boolean])[] = [
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
  for (const [pattern, name, fits] of cases) {
    assert.equal(matchesGlob(pattern, name), fits, `${pattern} on ${name}`);
  }
});
