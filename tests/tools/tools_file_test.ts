/** Reading `tools.yaml`. */

import assert from "node:assert/strict";
import { ConfigError } from "../../src/lib/config_error.ts";
import { parseToolsFile, readToolsFile } from "../../src/tools/tools_file.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

Deno.test("one word and a list of words are the same to a rule", async () => {
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

Deno.test("an empty file, and none at all, have no rules", async () => {
  await using folder = new TempFolder();
  assert.deepEqual(await readToolsFile(`${folder.path}/tools.yaml`), []);
  for (const text of ["", "# nothing\n", "rules: []", "{}"]) {
    assert.deepEqual(await parseToolsFile(text, "t"), []);
  }
});

const wrongs: readonly (readonly [text: string, says: string])[] = [
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

for (const [text, says] of wrongs) {
  Deno.test(`${JSON.stringify(text)} is refused with file, line and key`, async () => {
    await assert.rejects(parseToolsFile(text, "t"), (error) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.ok(error.message.includes(says), error.message);
      return true;
    });
  });
}

Deno.test("a file that cannot be read is refused with its name", async () => {
  await using folder = new TempFolder();
  await assert.rejects(readToolsFile(folder.path), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.ok(error.message.startsWith(`Cannot read ${folder.path}: `));
    return true;
  });
});
