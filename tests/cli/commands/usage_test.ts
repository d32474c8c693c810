/** The command `usage` as a process, with and without a running gateway. */

import assert from "node:assert/strict";
import { CommandFolder } from "../../support/process/command_folder.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";
import { TestGateway } from "../../support/test_gateway.ts";

async function usage(args: readonly string[], env: Readonly<Record<string, string>>) {
  await using folder = new CommandFolder();
  return await folder.run(["usage", ...args], { env });
}

Deno.test("usage shows tokens and cost, with and without a running gateway", async () => {
  await using gateway = await TestGateway.start();
  {
    await using adapter = await gateway.connect({ platform: "test" });
    await adapter.replyTo(adapter.say("Hello"));
  }
  const url = ["--url", `${gateway.url}/ws`];
  const running = await usage(["user", ...url], {});
  assert.deepEqual([running.code, running.err], [0, ""]);
  const [head, row, total] = running.out.split("\n");
  assert.match(head!, /^USER +REQUESTS +INPUT +CACHED +OUTPUT +COST +ESTIMATED$/);
  assert.match(row!, /^test:user-1 +1 +11 +0 +7 +\$0\.0000 +0$/);
  assert.match(total!, /^total +1 +11 +0 +7 /);

  await gateway.stop();
  const env = { CLARA_DATA_DIR: gateway.dataDir, CLARA_GATEWAY_PORT: "9" };
  const stored = await usage(["model", "--json"], env);
  assert.equal(stored.code, 0, stored.err);
  const { rows } = JSON.parse(stored.out);
  assert.deepEqual(rows.map(({ key, requests }: Record<string, unknown>) => [key, requests]), [
    ["test-model", 1],
  ]);
  const later = await usage(["--from", "2999-01-01"], env);
  assert.deepEqual([later.code, later.out], [0, "No model was used.\n"]);
});

Deno.test("usage names an invalid argument", async () => {
  await using folder = new TempFolder();
  const env = { CLARA_DATA_DIR: folder.path };
  for (const args of [["colour"], ["day", "--from", "yesterday"]]) {
    const { code, err } = await usage(args, env);
    assert.equal(code, 2);
    assert.match(err, /colour|yesterday/);
  }
});

Deno.test("a refusal is reported in one line", async () => {
  await using gateway = await TestGateway.start({ config: { secret: "the secret" } });
  const { code, out, err } = await usage(["--url", `${gateway.url}/ws`], {});
  assert.deepEqual([code, out, err.trimEnd().split("\n").length], [1, "", 1]);
  assert.match(err, /secret/i);
});
