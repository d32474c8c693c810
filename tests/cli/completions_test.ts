/** Shell completions: those of bash in a real bash, the others as text. */

import assert from "node:assert/strict";
import { commands } from "../../src/cli/table.ts";
import { CommandFolder } from "../support/process/command_folder.ts";
import { lacks } from "../support/process/programs.ts";

/** The completions that bash offers for the last of these words. */
async function offered(script: string, words: readonly string[]): Promise<readonly string[]> {
  const test = `${script}
COMP_WORDS=(clara-gateway "$@")
COMP_CWORD=$#
_clara_gateway
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const bash = new Deno.Command("bash", { args: ["-c", test, "bash", ...words] });
  const { stdout, stderr } = await bash.output();
  assert.equal(new TextDecoder().decode(stderr), "");
  return new TextDecoder().decode(stdout).trim().split("\n").filter(Boolean);
}

Deno.test(
  "bash completes commands, actions, options and files",
  { ignore: lacks("bash") },
  async () => {
    await using folder = new CommandFolder();
    const { code, out } = await folder.run(["completions", "bash"]);
    assert.equal(code, 0);
    assert.deepEqual(await offered(out, ["st"]), ["start", "status", "stop"]);
    assert.deepEqual(await offered(out, ["logs", "--f"]), ["--follow"]);
    assert.deepEqual(await offered(out, ["mcp", "re"]), ["remove", "restart"]);
    assert.deepEqual(await offered(out, ["help", "do"]), ["doctor"]);
    assert.deepEqual(await offered(out, ["completions", ""]).then((all) => all.slice(0, 3)), [
      "bash",
      "zsh",
      "fish",
    ]);
    assert.deepEqual(await offered(out, ["run", "--backg"]), []);
    assert.deepEqual(await offered(out, ["run", "--port", ""]), []);
    const file = `${folder.path}/rules.yaml`;
    await Deno.writeTextFile(file, "");
    assert.deepEqual(await offered(out, ["run", "--tools-config", `${folder.path}/ru`]), [file]);
  },
);

for (const shell of ["zsh", "fish"]) {
  Deno.test(`${shell} completes every command`, async () => {
    await using folder = new CommandFolder();
    const { code, out } = await folder.run(["completions", shell]);
    assert.equal(code, 0);
    for (const { name } of commands) assert.ok(out.includes(name), name);
    assert.ok(!out.includes("Set by start"));
  });
}
