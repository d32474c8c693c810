/** The command `tasks` as a process, with and without a running gateway. */

import assert from "node:assert/strict";
import { type CommandResult, runCommand } from "../../support/process/command_process.ts";
import { PluginFolder } from "../../support/plugin_folder.ts";
import { TestGateway } from "../../support/test_gateway.ts";

const yaml = `
tasks:
  - name: größe 日本 1.0
    description: Comes often
    type: interval
    interval: 3600
    command: printf '%s\\033[2J\\n' "$CLARA_TASK_NAME"
  - { name: yearly, type: cron, cron: "0 0 1 1 *", timezone: UTC, command: exit 4 }
  - { name: off, type: one_shot, delay: 5, enabled: false, command: "true" }
`;

/** A folder with a `scheduler.yaml` in which to run `tasks`. */
class TaskFolder extends PluginFolder {
  constructor(files: Readonly<Record<string, string>> = { "scheduler.yaml": yaml }) {
    super(files);
  }

  tasks(words: readonly string[], gateway?: TestGateway, env = {}): Promise<CommandResult> {
    return runCommand(["tasks", ...words], {
      cwd: this.path,
      url: gateway?.url,
      env: { ...this.env, CLARA_DATA_DIR: gateway?.dataDir ?? this.file("data"), ...env },
    });
  }
}

Deno.test("without a gateway, tasks are listed from the file with their fire times, but not run", async () => {
  await using folder = new TaskFolder();
  const { code, out, err } = await folder.tasks(["list"]);
  assert.deepEqual([code, err], [0, ""]);
  const [head, first, second, third] = out.split("\n");
  assert.match(head!, /^NAME +SCHEDULE +STATE +RUNS +LAST RUN +NEXT RUN +DESCRIPTION$/);
  assert.match(
    first!,
    /^größe 日本 1\.0 +every 3600 s +on +0 +- +\d{4}-\S+Z +Comes often$/,
  );
  assert.match(second!, /^yearly +0 0 1 1 \* \(UTC\) +on +0 +- +\d{4}-01-01T00:00:00\.000Z$/);
  assert.match(third!, /^off +5 s after it was first seen +off +0 +- +-$/);
  const rows = JSON.parse((await folder.tasks(["list", "--json"])).out);
  assert.equal(rows[1].next_run, /(\S+Z)$/.exec(second!)![1]);

  const next = await folder.tasks(["next"]);
  assert.deepEqual([next.code, next.out.split("\n").length], [0, 10]);
  assert.match(next.out, /^\d{4}-\S+Z {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+ {2}größe 日本 1\.0$/m);
  const times = JSON.parse((await folder.tasks(["next", "--json"])).out);
  assert.deepEqual(Object.keys(times[0]), ["name", "fire_at"]);

  const run = await folder.tasks(["run", "yearly"]);
  assert.deepEqual([run.code, run.out], [1, ""]);
  assert.match(run.err, /^No gateway is running on the data folder [^\n]*$/);
  assert.equal((await folder.tasks(["results"])).out, "No task has run yet.");
  await assert.rejects(Deno.stat(folder.file("data")), Deno.errors.NotFound);
});

Deno.test("without a file there are no tasks", async () => {
  await using folder = new TaskFolder({});
  assert.equal((await folder.tasks(["list"])).out, "There are no tasks.");
  assert.equal((await folder.tasks(["next"])).out, "No task is due.");
  assert.equal((await folder.tasks(["next", "--json"])).out, "[]");
});

Deno.test("with a running gateway, tasks are run; results stay when it stops", async () => {
  await using folder = new TaskFolder();
  await using gateway = await TestGateway.start({ llm: "echo", config: folder.config });
  const ran = await folder.tasks(["run", "größe 日本 1.0"], gateway);
  assert.deepEqual([ran.code, ran.err], [0, ""]);
  assert.match(
    ran.out,
    /^größe 日本 1\.0 {2}ok {2}exit code 0 {2}\d+ ms\n {4}größe 日本 1\.0�\[2J$/,
  );
  const failed = await folder.tasks(["run", "yearly", "--json"], gateway);
  assert.equal(failed.code, 1);
  const { duration_ms: _, ...result } = JSON.parse(failed.out);
  assert.deepEqual(result, {
    name: "yearly",
    ok: false,
    exit_code: 4,
    output: "",
    error: "it exited with code 4",
  });
  const list = await folder.tasks(["list"], gateway);
  assert.match(
    list.out,
    /^größe 日本 1\.0 +every 3600 s +on +1 +\d{4}-\S+Z +\d{4}-\S+Z +Comes often$/m,
  );
  assert.equal((await folder.tasks(["next"], gateway)).out.split("\n").length, 10);

  const nobody = await folder.tasks(["run", "nobody"], gateway);
  assert.deepEqual([nobody.code, nobody.err], [1, 'There is no task "nobody"']);
  const results = await folder.tasks(["results"], gateway);
  assert.match(
    results.out,
    /^\S+Z {2}größe 日本 1\.0 {2}for manual {2}ok .*\n.*\n\S+Z {2}yearly {2}for manual {2}FAILED: /,
  );
  const yearly = await folder.tasks(["results", "yearly"], gateway);
  assert.equal(yearly.out.split("\n").length, 1);
  assert.equal((await folder.tasks(["results", "nobody"], gateway)).out, "No task has run yet.");
  await gateway.stop();
  const kept = { CLARA_DATA_DIR: gateway.dataDir };
  const stored = await folder.tasks(["results"], undefined, kept);
  assert.deepEqual(stored, results);
  assert.deepEqual(await folder.tasks(["results", "yearly"], undefined, kept), yearly);
});

Deno.test("a refusal is reported in one line", async () => {
  await using folder = new TaskFolder();
  await using gateway = await TestGateway.start({
    llm: "echo",
    config: { ...folder.config, secret: "right" },
  });
  for (const words of [["list"], ["next"], ["run", "yearly"], ["results"]]) {
    const { code, out, err } = await folder.tasks(words, gateway);
    assert.deepEqual([code, out], [1, ""]);
    assert.match(err, /^Wrong or missing secret\. [^\n]*$/);
  }
});

const misuses: readonly (readonly [words: readonly string[], says: RegExp])[] = [
  [["dance"], /^Cannot use "dance" after tasks: expected one of list, next, run, results$/m],
  [["run"], /^Missing: the task's name$/],
  [["run", "yearly", "--url", "http://x"], /--url="http:\/\/x": expected ws:/],
  [["list", "--nonsense"], /--nonsense.*\nTry: clara-gateway --help/s],
  [["list", "--scheduler-dir", "missing"], /CLARA_SCHEDULER_DIR="missing"/],
];

for (const [words, says] of misuses) {
  Deno.test(`tasks ${words.join(" ")} is refused with a hint`, async () => {
    await using folder = new TaskFolder();
    const { code, out, err } = await folder.tasks(words);
    assert.deepEqual([code, out], [2, ""]);
    assert.match(err, says);
  });
}

Deno.test("an invalid scheduler.yaml is reported with its line", async () => {
  await using folder = new TaskFolder({ "scheduler.yaml": "tasks:\n  - { name: x, type: never }" });
  for (const words of [["list"], ["next"]]) {
    const { code, err } = await folder.tasks(words);
    assert.equal(code, 2);
    assert.match(err, /^Cannot use .*scheduler\.yaml:2: "tasks\.0\.type": /);
  }
  assert.match((await folder.tasks(["help"])).out, /run NAME/);
});
