/** Ids that are numbers to YAML: some are longer than a number can hold. */

import assert from "node:assert/strict";
import { parseHooksFile } from "../../../src/automation/hooks/hooks_file.ts";
import { parseSchedulerFile } from "../../../src/automation/scheduler/scheduler_file.ts";

function channelOf(id: string) {
  const text = `tasks:
  - { name: x, type: interval, interval: 60, prompt: Hello, platform: discord, channel: ${id} }`;
  return parseSchedulerFile(text, "scheduler.yaml").then(([task]) =>
    task!.action.type === "prompt" ? task!.action.target.channel : undefined
  );
}

Deno.test("a number that is kept whole is an id, one that would be rounded wants quotes", async () => {
  assert.equal(await channelOf("42"), "42");
  assert.equal(await channelOf('"1234567890123456789"'), "1234567890123456789");
  for (const id of ["1234567890123456789", "1.50"]) {
    await assert.rejects(channelOf(id), /"tasks\.0\.channel": expected .*in quotes/);
  }
});

Deno.test("a word that is a number, and a variable that is a list, are told with what was expected", async () => {
  const hook = (field: string) =>
    parseHooksFile(`hooks: [{ name: x, event: "*", command: y, ${field} }]`, "hooks.yaml");
  await assert.rejects(
    hook("when: { channel: 123 }"),
    /"hooks\.0\.when\.channel": expected a text or a list of texts; numbers in quotes/,
  );
  await assert.rejects(hook("env: { A: [1] }"), /"hooks\.0\.env\.A": expected a text, a number/);
});
