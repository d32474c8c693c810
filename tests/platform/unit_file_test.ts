import assert from "node:assert/strict";
import { join } from "node:path";
import { unitFile, type UnitScope } from "../../src/platform/unit_file.ts";
import { TempFolder } from "../support/process/temp_folder.ts";
import { lacks } from "../support/process/programs.ts";

async function systemdAnalyze(folder: string, ...args: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command("systemd-analyze", {
    args: [...args],
    env: { XDG_RUNTIME_DIR: folder, LC_ALL: "C", SYSTEMD_COLORS: "0" },
  }).output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

Deno.test({
  name: "systemd accepts both units, whatever the paths and arguments contain",
  ignore: lacks("systemd-analyze"),
  async fn() {
    await using temp = new TempFolder();
    const folder = join(temp.path, "a b%c$HOME;d#e");
    await Deno.mkdir(folder);
    const program = join(folder, "clara gateway");
    await Deno.writeTextFile(program, "#!/bin/sh\n", { mode: 0o755 });
    const command = [program, "run", "--model", `a "b" 'c' \\ $HOME %h é`, ""];
    for (const scope of ["user", "system"] as const satisfies UnitScope[]) {
      const file = join(temp.path, `clara-${scope}.service`);
      await Deno.writeTextFile(file, unitFile({ scope, command, folder }));
      const found = await systemdAnalyze(temp.path, "verify", `--${scope}`, file);
      assert.deepEqual(found, { code: 0, text: "" });
    }
  },
});

Deno.test({
  name: "systemd rates the machine's service as well protected",
  ignore: lacks("systemd-analyze"),
  async fn() {
    await using temp = new TempFolder();
    const file = join(temp.path, "clara.service");
    const command = ["/usr/local/bin/clara-gateway", "run"];
    await Deno.writeTextFile(file, unitFile({ scope: "system", command, folder: "/" }));
    const { text } = await systemdAnalyze(temp.path, "security", "--offline=yes", file);
    const level = Number(/Overall exposure level for clara\.service: ([\d.]+)/.exec(text)?.[1]);
    assert.ok(level < 2, text);
  },
});

Deno.test("paths and arguments that systemd cannot quote are refused", () => {
  const unit = (command: readonly string[], folder = "/") => () =>
    unitFile({ scope: "user", command, folder });
  assert.throws(unit(['/opt/"clara"']), /Cannot write a unit for .*a program with quotes/);
  assert.throws(unit(["/opt/clara", "a\nb"]), /Cannot write a unit with control characters/);
  assert.throws(unit(["/opt/clara"], "/a\nExecStart=/evil"), /control characters/);
});
