/** The command `config`: every setting, its value, its source, and errors. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { settings } from "../../../src/config/settings.ts";
import { CommandFolder } from "../../support/process/command_folder.ts";

interface Shown {
  readonly name: string;
  readonly value: string;
  readonly from: string;
}

Deno.test("each setting is shown with its value and source, but no secret is", async () => {
  const secret = "open-sesame";
  await using folder = new CommandFolder({ CLARA_GATEWAY_SECRET: secret, CLARA_MODEL: "env" });
  await Deno.writeTextFile(
    join(folder.path, ".env"),
    `CLARA_MODEL=file\nCLARA_MAX_TOOL_ROUNDS=7\nOPENAI_API_KEY=${secret}\n` +
      `OPENAI_BASE_URL=http://me:${secret}@127.0.0.1:9/v1\n`,
  );
  const { code, out, err } = await folder.run(["config", "--json", "--model", "flag"]);
  assert.deepEqual([code, err], [0, ""]);
  const report = JSON.parse(out);
  assert.equal(report.dot_env, join(folder.path, ".env"));
  assert.deepEqual(report.warnings, []);
  const all = report.settings as readonly Shown[];
  assert.equal(all.length, Object.keys(settings).length);
  const shown = Object.fromEntries(all.map(({ name, value, from }) => [name, [value, from]]));
  assert.deepEqual(shown.CLARA_MODEL, ["flag", "flag"]);
  assert.deepEqual(shown.CLARA_GATEWAY_PORT, ["0", "environment"]);
  assert.deepEqual(shown.CLARA_MAX_TOOL_ROUNDS, ["7", ".env"]);
  assert.deepEqual(shown.CLARA_MAX_ATTEMPTS, ["3", "default"]);
  assert.deepEqual(shown.CLARA_MODEL_LOW, ["flag", "default"]);
  assert.deepEqual(shown.CLARA_PID_FILE, [folder.pidFile, "default"]);
  assert.deepEqual(shown.CLARA_GATEWAY_SECRET, ["(secret)", "environment"]);
  assert.deepEqual(shown.OPENAI_API_KEY, ["(secret)", ".env"]);
  assert.deepEqual(shown.OPENAI_BASE_URL, ["http://me:(secret)@127.0.0.1:9/v1", ".env"]);
  const table = await folder.run(["config"]);
  assert.match(table.out, /^CLARA_MODEL +env +environment$/m);
  assert.match(table.out, /^CLARA_MAX_TOOL_ROUNDS +7 +.*\.env$/m);
  for (const text of [out, table.out, table.err]) assert.ok(!text.includes(secret));
});

Deno.test("all invalid settings and unknown names are reported at once", async () => {
  await using folder = new CommandFolder({
    CLARA_GATEWAY_PROT: "1",
    CLARA_LOG_LEVEL: "loud",
    CLARA_GATEWAY_URL: "ws://127.0.0.1:9",
    CLARA_EVENT_TYPE: "x",
  });
  await Deno.writeTextFile(
    join(folder.path, ".env"),
    "CLARA_MAX_TOOL_ROUND=9\nCLARA_XYZZY=1\nCLARA_INSECURE=perhaps\n",
  );
  const { code, err } = await folder.run(["config"]);
  assert.equal(code, 2);
  assert.deepEqual(err.trim().split("\n").sort(), [
    'error: Cannot use CLARA_INSECURE (in .env)="perhaps": expected true or false',
    'error: Cannot use CLARA_LOG_LEVEL="loud": expected one of debug, info, warning, error',
    "warning: CLARA_GATEWAY_PROT is not a setting; did you mean CLARA_GATEWAY_PORT?",
    "warning: CLARA_MAX_TOOL_ROUND (in .env) is not a setting; did you mean CLARA_MAX_TOOL_ROUNDS?",
    "warning: CLARA_XYZZY (in .env) is not a setting",
  ]);
});
