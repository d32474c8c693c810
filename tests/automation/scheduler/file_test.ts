import assert from "node:assert/strict";
import { ConfigError } from "../../../src/lib/config_error.ts";
import { parseSchedulerFile, readPluginTask } from "../../../src/automation/scheduler/file.ts";
import { documentedTasks } from "../../support/documented_examples.ts";

const path = "/etc/clara/scheduler.yaml";

/** Returns a file with a task of these lines, which start at line 3. */
function withLines(...lines: readonly string[]): string {
  return ["tasks:", "  - name: t", ...lines.map((line) => `    ${line}`)].join("\n");
}

const everyMinute = ["type: interval", "interval: 60", "command: date"];

async function assertRejected(text: string, message: RegExp): Promise<void> {
  await assert.rejects(parseSchedulerFile(text, path), (error) => {
    assert.ok(error instanceof ConfigError, String(error));
    assert.match(error.message, message);
    assert.ok(error.message.includes(`${path}:`), error.message);
    return true;
  });
}

Deno.test("the examples of the Python system are parsed", async () => {
  const defaults = {
    description: "",
    enabled: true,
    overlap: "skip",
    timeoutMs: 300_000,
  };
  const command = (command: string) => ({
    type: "command",
    command,
    workingDir: "/etc/clara",
    env: {},
  });
  assert.deepEqual(await parseSchedulerFile(documentedTasks, path), [
    {
      ...defaults,
      name: "cleanup-sessions",
      missed: "skip",
      schedule: { type: "interval", intervalMs: 3_600_000, delayMs: undefined },
      action: command("python -m scripts.cleanup_sessions"),
    },
    {
      ...defaults,
      name: "daily-summary",
      missed: "skip",
      schedule: { type: "cron", cron: "0 9 * * *", timezone: undefined },
      action: command("python -m scripts.daily_summary"),
    },
    {
      ...defaults,
      name: "startup-check",
      missed: "once",
      schedule: { type: "one_shot", delayMs: 30_000 },
      action: command("curl http://localhost:8000/health"),
    },
  ]);
});

Deno.test("every key is parsed", async () => {
  const [command, prompt] = await parseSchedulerFile(
    `tasks:
  - name: Nightly backup
    description: Copies
    enabled: false
    type: one_shot
    run_at: 2030-01-31T09:00:00+01:00
    command: |
      cp a b
    timeout: 1.5
    working_dir: sub
    env: { LEVEL: 3, DRY: true, TO: here }
    overlap: kill
    missed: all
  - name: digest
    type: cron
    cron: "0 8 * * MON"
    timezone: Europe/Berlin
    prompt: What happened?
    platform: discord
    channel: 1234
    user: ada
    node: discord-1
    overlap: queue
    missed: once
`,
    path,
  );
  assert.deepEqual(command, {
    name: "Nightly backup",
    description: "Copies",
    enabled: false,
    overlap: "kill",
    missed: "all",
    timeoutMs: 1500,
    schedule: { type: "one_shot", runAt: Date.UTC(2030, 0, 31, 8) },
    action: {
      type: "command",
      command: "cp a b\n",
      workingDir: "/etc/clara/sub",
      env: { LEVEL: "3", DRY: "true", TO: "here" },
    },
  });
  assert.deepEqual(prompt!.schedule, {
    type: "cron",
    cron: "0 8 * * MON",
    timezone: "Europe/Berlin",
  });
  assert.deepEqual(prompt!.action, {
    type: "prompt",
    prompt: "What happened?",
    target: { platform: "discord", channel: "1234", user: "ada", node: "discord-1" },
  });
});

Deno.test("a file without tasks is accepted", async () => {
  for (const text of ["", "tasks:", "tasks: []", "# nothing\n"]) {
    assert.deepEqual(await parseSchedulerFile(text, path), []);
  }
});

Deno.test("fractions of seconds are rounded to milliseconds", async () => {
  const lines = ["type: interval", "interval: 1.3333", "delay: 0.0001", "command: date"];
  const [task] = await parseSchedulerFile(withLines(...lines), path);
  assert.deepEqual(task!.schedule, { type: "interval", intervalMs: 1333, delayMs: 0 });
  const once = withLines("type: one_shot", "delay: 0.3333", "command: date");
  assert.deepEqual((await parseSchedulerFile(once, path))[0]!.schedule, {
    type: "one_shot",
    delayMs: 333,
  });
});

/** Invalid tasks, and the line and key in their errors. */
const invalid: readonly (readonly [string, readonly string[], RegExp])[] = [
  ["an unknown type", ["type: weekly", "command: date"], /:3: "tasks\.0\.type"/],
  ["no type", ["command: date"], /:2: "tasks\.0\.type"/],
  ["an unknown key", [...everyMinute, "intervall: 3"], /:6: "tasks\.0": .*"intervall"/],
  ["a key of another type", [...everyMinute, "timezone: UTC"], /:6: "tasks\.0": .*"timezone"/],
  ["an interval in words", ["type: interval", "interval: 1h", "command: date"], /:4: .*interval/],
  ["no interval", ["type: interval", "command: date"], /:2: "tasks\.0\.interval"/],
  ["an interval of zero", ["type: interval", "interval: 0", "command: date"], /:4: .*interval/],
  [
    "an interval under a second",
    ["type: interval", "interval: 0.5", "command: date"],
    /:4: .*interval/,
  ],
  ["a negative delay", [...everyMinute, "delay: -1"], /:6: "tasks\.0\.delay"/],
  [
    "a delay that is too long",
    [...everyMinute, "delay: 1e15"],
    /:6: "tasks\.0\.delay": .*315360000/,
  ],
  [
    "a one_shot with a delay that is too long",
    ["type: one_shot", "delay: 1e15", "command: date"],
    /:4: "tasks\.0\.delay": .*315360000/,
  ],
  [
    "an invalid cron expression",
    ["type: cron", 'cron: "61 * * * *"', "command: date"],
    /:4: "tasks\.0\.cron": expected a cron expression of 5 or 6 fields/,
  ],
  ["no cron expression", ["type: cron", "command: date"], /:2: "tasks\.0\.cron"/],
  [
    "an unknown time zone",
    ["type: cron", 'cron: "0 9 * * *"', "timezone: Europe/Atlantis", "command: date"],
    /:5: "tasks\.0\.timezone": expected an IANA time zone .* found "Europe\/Atlantis"/,
  ],
  [
    "a time without a day",
    ["type: one_shot", 'run_at: "09:00"', "command: date"],
    /:4: "tasks\.0\.run_at": expected a time in ISO 8601/,
  ],
  ["neither time nor delay", ["type: one_shot", "command: date"], /"tasks\.0\.run_at": expected/],
  [
    "both time and delay",
    ["type: one_shot", "run_at: 2030-01-31T09:00:00Z", "delay: 3", "command: date"],
    /:4: "tasks\.0\.run_at": expected either "run_at" or "delay"/,
  ],
  [
    "neither command nor prompt",
    ["type: interval", "interval: 60"],
    /"tasks\.0\.command": expected either "command" or "prompt"/,
  ],
  [
    "both command and prompt",
    [...everyMinute, "prompt: Hi", "platform: a", "channel: b"],
    /:5: "tasks\.0\.command": expected either "command" or "prompt"/,
  ],
  [
    "a prompt without a channel",
    ["type: interval", "interval: 60", "prompt: Hi", "platform: a"],
    /"tasks\.0\.channel": expected "platform" and "channel"/,
  ],
  ["an empty command", ["type: interval", "interval: 60", 'command: " "'], /:5: .*a command/],
  ["an empty prompt", ["type: interval", "interval: 60", 'prompt: ""'], /:5: .*expected a text/],
  ["a timeout of zero", [...everyMinute, "timeout: 0"], /:6: "tasks\.0\.timeout"/],
  [
    "a timeout longer than a timer can wait",
    [...everyMinute, "timeout: 99999999"],
    /:6: .*timeout/,
  ],
  ["an unknown overlap", [...everyMinute, "overlap: maybe"], /:6: .*overlap.*skip.*queue.*kill/],
  ["an unknown missed", [...everyMinute, "missed: no"], /:6: .*missed.*skip.*once.*all/],
  ["enabled in words", [...everyMinute, "enabled: perhaps"], /:6: "tasks\.0\.enabled"/],
  ["a variable's name with a dash", [...everyMinute, "env: { A-B: 1 }"], /:6: "tasks\.0\.env/],
];
for (const [what, lines, message] of invalid) {
  Deno.test(`${what} is rejected with file, line and key`, async () => {
    await assertRejected(withLines(...lines), message);
  });
}

Deno.test("a task without a name, with an invalid or a duplicate one is rejected", async () => {
  await assertRejected(
    "tasks:\n  - type: interval\n    interval: 60\n    command: x",
    /:2: .*name/,
  );
  await assertRejected(
    "tasks:\n  - name: ../etc\n    type: interval\n    interval: 60\n",
    /:2: .*name/,
  );
  const twice = withLines(...everyMinute) + "\n" +
    withLines(...everyMinute).split("\n").slice(1).join("\n");
  await assertRejected(
    twice,
    /:6: "tasks\.1\.name": expected a unique name: entry 1 is also called "t"/,
  );
});

Deno.test("a file that is not a map of tasks is rejected", async () => {
  await assertRejected("- name: a", /scheduler\.yaml:1: the file: expected object/);
  await assertRejected("tasks: 3", /scheduler\.yaml:1: "tasks": expected array/);
  await assertRejected("task: []", /scheduler\.yaml:1: .*"task"/);
  await assertRejected("tasks:\n  - name: [a\n", /Cannot read .*scheduler\.yaml:\d/);
  // Unquoted, a star starts a YAML alias.
  await assertRejected(
    withLines("type: cron", "cron: * * * * *", "command: date"),
    /scheduler\.yaml:4/,
  );
});

Deno.test("a plugin's task has the same fields, with a function instead of a command", () => {
  const run = () => {};
  const task = readPluginTask({ name: "hourly-cleanup", type: "interval", interval: 3600 }, run);
  assert.deepEqual(task.action, { type: "function", run });
  assert.throws(
    () => readPluginTask({ name: "x", type: "cron", cron: "nonsense" }, run),
    { message: /"cron": expected a cron expression/ },
  );
});

Deno.test("an id that looks like a number is kept as it is written", async () => {
  const channelOf = async (id: string) => {
    const [task] = await parseSchedulerFile(
      `tasks:
  - { name: x, type: interval, interval: 60, prompt: Hello, platform: discord, channel: ${id} }`,
      path,
    );
    return task!.action.type === "prompt" ? task!.action.target.channel : undefined;
  };
  assert.equal(await channelOf('"0042"'), "0042");
  for (const id of ["42", "1234567890123456789", "1.50", "+4915112345678", "0x1F", "0o17", "1e3"]) {
    assert.equal(await channelOf(id), id);
  }
});
