import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TempFolder } from "../../support/process/temp_folder.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const ignore = Deno.build.os !== "linux";

/** Runs `service …` with a systemctl that only records its arguments. */
async function service(folder: string, ...args: readonly string[]) {
  const bin = join(folder, "bin");
  await Deno.mkdir(bin, { recursive: true });
  const calls = join(folder, "calls");
  await Deno.writeTextFile(join(bin, "systemctl"), `#!/bin/sh\necho "$@" >> '${calls}'\n`, {
    mode: 0o755,
  });
  const config = join(root, "deno.json");
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--config", config, join(root, "main.ts"), "service", ...args],
    cwd: folder,
    env: { PATH: `${bin}:${Deno.env.get("PATH")}`, XDG_CONFIG_HOME: folder, NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  const called = await Deno.readTextFile(calls).catch(() => "");
  await Deno.remove(calls).catch(() => {});
  return {
    code,
    out: decoder.decode(stdout),
    errors: decoder.decode(stderr),
    calls: called.split("\n").filter(Boolean),
  };
}

Deno.test({
  name: "a service is installed with its options, queried, and removed",
  ignore,
  async fn() {
    await using folder = new TempFolder();
    const unit = join(folder.path, "systemd", "user", "clara-gateway.service");
    const installed = await service(folder.path, "install", "--port", "8080");
    assert.equal(installed.code, 0, installed.errors);
    assert.deepEqual(installed.calls, [
      "--user daemon-reload",
      "--user enable clara-gateway",
      "--user restart clara-gateway",
    ]);
    const text = await Deno.readTextFile(unit);
    assert.match(text, /^ExecStart=:.* run --port 8080$/m);
    assert.ok(text.includes(`\nWorkingDirectory=${folder.path}\n`));

    const asked = await service(folder.path, "status");
    assert.deepEqual(asked.calls, ["--user status --no-pager clara-gateway"]);

    const removed = await service(folder.path, "uninstall");
    assert.equal(removed.code, 0, removed.errors);
    assert.deepEqual(removed.calls, [
      "--user disable --now clara-gateway",
      "--user daemon-reload",
    ]);
    await assert.rejects(Deno.stat(unit), Deno.errors.NotFound);
    const again = await service(folder.path, "uninstall");
    assert.equal(again.code, 1);
    assert.match(again.errors, /The service is not installed/);
  },
});

Deno.test({
  name: "--print only shows the unit, and --system refuses to install from source",
  ignore,
  async fn() {
    await using folder = new TempFolder();
    const shown = await service(folder.path, "install", "--print");
    assert.equal(shown.code, 0);
    assert.match(shown.out, /^\[Unit\]\n[\s\S]*\nType=notify\n/);
    assert.deepEqual(shown.calls, []);
    const system = await service(folder.path, "install", "--system", "--print");
    assert.equal(system.code, 2);
    assert.match(system.errors, /Cannot install from source with --system/);
    assert.equal((await service(folder.path, "begin")).code, 2);
  },
});
