import assert from "node:assert/strict";
import { overlapIn, parseOverlapRule } from "../../src/domain/overlap.ts";

Deno.test("a rule consists of a channel pattern and a mode", () => {
  assert.deepEqual(parseOverlapRule("discord:123=collect"), {
    channels: "discord:123",
    overlap: "collect",
  });
  assert.deepEqual(parseOverlapRule("web:a=b = steer"), { channels: "web:a=b", overlap: "steer" });
  for (const wrong of ["discord:123", "discord:123=", "=queue", "discord:123=never"]) {
    assert.throws(() => parseOverlapRule(wrong), /expected PLATFORM:CHANNEL=MODE/, wrong);
  }
});

Deno.test("the first matching rule decides, else the fallback", () => {
  const rules = ["discord:1*=steer", "discord:*=collect"].map(parseOverlapRule);
  const options = { rules, fallback: "queue" } as const;
  assert.equal(overlapIn("discord:12", options), "steer");
  assert.equal(overlapIn("discord:2", options), "collect");
  assert.equal(overlapIn("web:1", options), "queue");
});
