import assert from "node:assert/strict";
import { askAdmin } from "../../support/admin_request.ts";
import { exited } from "../../support/process/processes.ts";
import { writtenText } from "../../support/process/temp_folder.ts";
import { PluginFolder } from "../../support/plugin_folder.ts";
import { TestGateway } from "../../support/test_gateway.ts";

const hooksYaml = `
hooks:
  - name: tell
    description: Tells the event
    event: "tool:*"
    priority: 5
    when: { tool: [current_*] }
    timeout: 7
    command: cat; echo "$CLARA_TOOL_NAME" >&2; exit "\${CODE:-3}"
  - { name: off, event: "*", enabled: false, command: echo on }
`;
const schedulerYaml = `
tasks:
  - name: often
    description: Comes often
    type: interval
    interval: 3600
    command: echo "$CLARA_TASK_NAME [$CLARA_FIRE_AT]"
  - { name: yearly, type: cron, cron: "0 0 1 1 *", timezone: Europe/Berlin, command: "exit 4" }
  - { name: late, type: one_shot, run_at: "2031-01-01T00:00:00Z", enabled: false, command: "true" }
  - { name: slow, type: one_shot, delay: 36000, command: "echo $$ > pid; exec sleep 60" }
`;

function start(): { folder: PluginFolder; gateway: Promise<TestGateway> } {
  const folder = new PluginFolder({ "hooks.yaml": hooksYaml, "scheduler.yaml": schedulerYaml });
  const config = { ...folder.config, drainMs: 0 };
  return { folder, gateway: TestGateway.start({ llm: "echo", config }) };
}

Deno.test("hooks are listed with their definition and state", async () => {
  const started = start();
  await using folder = started.folder;
  await using gateway = await started.gateway;
  const { status, body } = await askAdmin(gateway, "/hooks");
  assert.equal(status, 200);
  assert.deepEqual(body, {
    hooks: [
      {
        name: "tell",
        event: "tool:*",
        description: "Tells the event",
        enabled: true,
        priority: 5,
        when: { tool: ["current_*"] },
        timeout: 7,
        type: "command",
        source: folder.file("hooks.yaml"),
        queued: 0,
        running: false,
        dropped: 0,
      },
      {
        name: "off",
        event: "*",
        description: "",
        enabled: false,
        priority: 0,
        when: {},
        timeout: 30,
        type: "command",
        source: folder.file("hooks.yaml"),
        queued: 0,
        running: false,
        dropped: 0,
      },
    ],
  });
});

Deno.test("a hook is tested with a sample event, and its result is stored", async () => {
  const started = start();
  await using _ = started.folder;
  await using gateway = await started.gateway;
  const { status, body } = await askAdmin(gateway, "/hooks/tell/test", { method: "POST" });
  assert.equal(status, 200);
  const { duration_ms, output, ...rest } = body as Record<string, unknown>;
  assert.ok(Number.isInteger(duration_ms));
  assert.deepEqual(rest, {
    name: "tell",
    event: "tool:start",
    ok: false,
    exit_code: 3,
    error: "it exited with code 3",
  });
  const [, json] = /^(\{.*\})$/m.exec(String(output))!;
  assert.equal(JSON.parse(json!).data.tool_name, "current_time");
  const wanted = { body: { event: "session:end" } };
  assert.equal((await askAdmin(gateway, "/hooks/off/test", wanted)).body.output, "on\n");

  const { results } = (await askAdmin(gateway, "/hooks/results")).body;
  assert.deepEqual(
    results!.map(({ name, trigger, ok, running }) => [name, trigger, ok, running]),
    [["off", "session:end", true, false], ["tell", "tool:start", false, false]],
  );
  assert.equal((await askAdmin(gateway, "/hooks/results?name=tell")).body.results!.length, 1);
  assert.equal((await askAdmin(gateway, "/hooks/results?name=nobody")).body.results!.length, 0);
  assert.equal((await askAdmin(gateway, "/hooks/results?limit=1")).body.results![0]!.name, "off");
});

Deno.test("tasks are listed with their next fire times, and can be run", async () => {
  const started = start();
  await using folder = started.folder;
  await using gateway = await started.gateway;
  const { tasks } = (await askAdmin(gateway, "/tasks")).body;
  const [often, yearly, late] = tasks!;
  const { next_run, ...rest } = often!;
  assert.deepEqual(rest, {
    name: "often",
    description: "Comes often",
    enabled: true,
    type: "interval",
    schedule: "every 3600 s",
    action: "command",
    overlap: "skip",
    missed: "skip",
    timeout: 300,
    source: folder.file("scheduler.yaml"),
    running: false,
    last_run: null,
    run_count: 0,
  });
  assert.deepEqual([yearly!.schedule, yearly!.type], ["0 0 1 1 * (Europe/Berlin)", "cron"]);
  assert.deepEqual(
    [late!.schedule, late!.missed, late!.next_run],
    ["at 2031-01-01T00:00:00.000Z", "once", null],
  );

  const { next } = (await askAdmin(gateway, "/tasks/next?count=3")).body;
  assert.equal(next!.length, 3);
  assert.deepEqual(next![0], { name: "often", fire_at: next_run });
  const times = next!.map(({ fire_at }) => Date.parse(String(fire_at)));
  assert.deepEqual(times.map((time) => time - times[0]!), [0, 3_600_000, 7_200_000]);

  const run = (name: string) => askAdmin(gateway, `/tasks/${name}/run`, { body: {} });
  const { duration_ms: _, ...ran } = (await run("often")).body;
  const well = { ok: true, exit_code: 0, error: null };
  assert.deepEqual(ran, { name: "often", ...well, output: "often []\n" });
  assert.equal((await run("yearly")).body.exit_code, 4);
  const { results } = (await askAdmin(gateway, "/tasks/results")).body;
  assert.deepEqual(
    results!.map(({ name, trigger, exit_code }) => [name, trigger, exit_code]),
    [["yearly", "manual", 4], ["often", "manual", 0]],
  );
  const [after] = (await askAdmin(gateway, "/tasks")).body.tasks!;
  assert.equal(after!.run_count, 1);
  assert.equal(after!.next_run, next_run);
});

Deno.test("a running task is not started again, and stops with the gateway", async () => {
  const started = start();
  await using folder = started.folder;
  await using gateway = await started.gateway;
  const running = askAdmin(gateway, "/tasks/slow/run", { body: {} }).catch(() => {});
  const pid = Number(await writtenText(folder.file("pid")));
  const second = await askAdmin(gateway, "/tasks/slow/run", { body: {} });
  assert.deepEqual([second.status, second.body.error], [409, 'Task "slow" is already running']);
  const [{ running: stillRunning, exit_code }] = (await askAdmin(gateway, "/tasks/results")).body
    .results! as [Record<string, unknown>];
  assert.deepEqual([stillRunning, exit_code], [true, undefined]);
  await gateway.restart();
  await running;
  await exited(pid, 1_000);
  const [{ error }] = (await askAdmin(gateway, "/tasks/results")).body.results! as [
    { error: string },
  ];
  assert.match(error, /stopping|the gateway ended/);
});

Deno.test("a hook test is aborted when the gateway stops", async () => {
  await using folder = new PluginFolder({
    "hooks.yaml":
      `hooks: [{ name: slow, event: "*", enabled: false, command: "echo $$ > pid; exec sleep 60" }]`,
  });
  await using gateway = await TestGateway.start({ llm: "echo", config: folder.config });
  const running = askAdmin(gateway, "/hooks/slow/test", { body: {} }).catch(() => {});
  const pid = Number(await writtenText(folder.file("pid")));
  await gateway.stop();
  await exited(pid, 100);
  await running;
});

Deno.test("reload reads both files again and reports what is wrong with each", async () => {
  const started = start();
  await using folder = started.folder;
  await using gateway = await started.gateway;
  const reload = () => askAdmin(gateway, "/reload", { method: "POST" });
  folder.write("hooks.yaml", "hooks:\n  - { name: new, event: \"*:error\", command: 'true' }");
  assert.deepEqual([(await reload()).status, (await reload()).body], [200, { problems: [] }]);
  const names = async () => (await askAdmin(gateway, "/hooks")).body.hooks!.map(({ name }) => name);
  assert.deepEqual(await names(), ["new"]);

  folder.write("hooks.yaml", "hooks:\n  - { name: new, event: \"no:event\", command: 'true' }");
  folder.write(
    "scheduler.yaml",
    "tasks:\n\n  - { name: new, type: cron, cron: '* *', command: x }",
  );
  // Also the second time, although nothing has changed.
  for (const _ of "ab") {
    const { status, body } = await reload();
    assert.equal(status, 422);
    assert.match(body.problems![0]!, /hooks\.yaml:2: "hooks\.0\.event": expected /);
    assert.match(body.problems![1]!, /scheduler\.yaml:3: "tasks\.0\.cron": expected /);
    assert.equal(body.problems!.length, 2);
  }
  assert.deepEqual(await names(), ["new"]);
  assert.equal((await askAdmin(gateway, "/tasks")).body.tasks!.length, 4);
});

const wrong: readonly (readonly [
  method: string,
  path: string,
  body: string | undefined,
  status: number,
  says: RegExp,
])[] = [
  ["GET", "/hooks/results?limit=0", undefined, 400, /"limit": .*>=1/],
  ["GET", "/hooks/results?limit=1001", undefined, 400, /"limit": .*<=1000/],
  ["GET", "/tasks/results?limit=x", undefined, 400, /"limit": .*expected number/],
  ["GET", "/tasks/next?count=1.5", undefined, 400, /"count": .*int/],
  ["POST", "/hooks/nobody/test", "{}", 404, /There is no hook "nobody"/],
  ["POST", "/hooks/%E0%A4%A/test", "{}", 404, /There is no hook/],
  [
    "POST",
    "/hooks/tell/test",
    '{"event":"no:event"}',
    400,
    /no event "no:event"; expected one of .*tool:/,
  ],
  ["POST", "/hooks/tell/test", '{"event":7}', 400, /"event": .*expected string/],
  ["POST", "/hooks/tell/test", "[]", 400, /expected object/],
  ["POST", "/hooks/tell/test", '{"event":', 400, /not valid JSON/],
  ["POST", "/tasks/nobody/run", "{}", 404, /There is no task "nobody"/],
  ["GET", "/tasks/often/run", undefined, 404, /not found/],
  ["DELETE", "/tasks/often", undefined, 404, /not found/],
  ["GET", "/hooks/", undefined, 404, /not found/],
  ["GET", "", undefined, 404, /not found/],
  ["GET", "/../admin/nothing", undefined, 404, /not found/],
];

Deno.test("invalid requests are answered with the reason, and run nothing", async () => {
  const started = start();
  await using _ = started.folder;
  await using gateway = await started.gateway;
  for (const [method, path, body, status, says] of wrong) {
    const answer = await askAdmin(gateway, path, { method, body });
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
    assert.match(answer.body.error!, says);
  }
  assert.deepEqual((await askAdmin(gateway, "/hooks/results")).body.results, []);
  assert.deepEqual((await askAdmin(gateway, "/tasks/results")).body.results, []);
});
