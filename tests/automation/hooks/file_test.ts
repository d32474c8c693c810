/** Parsing `hooks.yaml`, and the errors for invalid files. */

import assert from "node:assert/strict";
import { ConfigError } from "../../../src/lib/config_error.ts";
import { eventNames } from "../../../src/domain/events.ts";
import { parseHooksFile } from "../../../src/automation/hooks/file.ts";
import { documentedHooks } from "../../support/documented_examples.ts";

Deno.test("the documented examples are parsed, and commands stay as they are", async () => {
  const hooks = await parseHooksFile(documentedHooks, "/etc/clara/hooks/hooks.yaml");
  const common = { enabled: true, description: "", priority: 0, when: {} };
  const action = { type: "command", workingDir: "/etc/clara/hooks", env: {} };
  assert.deepEqual(hooks, [{
    ...common,
    name: "log-startup",
    event: "gateway:startup",
    timeoutMs: 30_000,
    action: { ...action, command: 'echo "Gateway started at ${CLARA_TIMESTAMP}"' },
  }, {
    ...common,
    name: "notify-errors",
    event: "tool:error",
    timeoutMs: 10_000,
    action: {
      ...action,
      command: "curl -X POST https://webhook.example.com/notify \\\n" +
        '  -H "Content-Type: application/json" \\\n  -d "${CLARA_EVENT_DATA}"\n',
    },
  }]);
});

Deno.test("a file of the Python system is accepted unchanged", async () => {
  const hooks = await parseHooksFile(
    `hooks:
  - name: log-sessions
    event: session:start
    type: shell
    command: echo "Session started for \${USER_ID}"
  - name: backup-on-shutdown
    event: gateway:shutdown
    command: ./scripts/backup.sh
    timeout: 60.0
    working_dir: /srv/clara
    enabled: false
    description: Before it goes
    priority: 5
  - name: notify-errors
    event: tool:error
    command: >-
      curl -X POST https://webhook.example.com/error -d '{"error": "\${ERROR}"}'
`,
    "hooks/hooks.yaml",
  );
  assert.deepEqual(hooks.map(({ name }) => name), [
    "log-sessions",
    "backup-on-shutdown",
    "notify-errors",
  ]);
  assert.deepEqual(hooks[1], {
    name: "backup-on-shutdown",
    event: "gateway:shutdown",
    enabled: false,
    description: "Before it goes",
    priority: 5,
    when: {},
    timeoutMs: 60_000,
    action: {
      type: "command",
      command: "./scripts/backup.sh",
      workingDir: "/srv/clara",
      env: {},
    },
  });
});

Deno.test("every event and every matching pattern is accepted", async () => {
  const patterns = [...eventNames, "*", "tool:*", "*:error", "*session*"];
  const list = patterns.map((event, index) => ({ name: `h${index}`, event, command: "true" }));
  const hooks = await parseHooksFile(JSON.stringify({ hooks: list }), "h");
  assert.deepEqual(hooks.map(({ event }) => event), patterns);
});

Deno.test("conditions and variables are parsed, and a single word counts as a list", async () => {
  const [hook] = await parseHooksFile(
    `hooks:
  - name: ünï 1.2_3-4
    event: "*"
    command: "true"
    timeout: 0.25
    working_dir: ../elsewhere
    when: { platform: discord, channel: ["1", "2"], user: "a*", tool: [] }
    env: { A: text, B: 5, C: true, D: "\${HOME}" }
`,
    "/srv/hooks/hooks.yaml",
  );
  assert.deepEqual(hook!.when, {
    platform: ["discord"],
    channel: ["1", "2"],
    user: ["a*"],
    tool: [],
  });
  assert.equal(hook!.timeoutMs, 250);
  assert.ok(hook!.action.type === "command");
  assert.equal(hook!.action.workingDir, "/srv/elsewhere");
  assert.deepEqual(hook!.action.env, { A: "text", B: "5", C: "true", D: "${HOME}" });
});

Deno.test("a file without hooks is accepted", async () => {
  for (const text of ["", "# nothing\n", "hooks:\n", "hooks: []\n", "{}"]) {
    assert.deepEqual(await parseHooksFile(text, "h"), []);
  }
});

const base = `hooks:
  - name: a
    event: tool:error
    command: echo
`;
const invalid: readonly (readonly [text: string, says: string])[] = [
  [`${base}    tiemout: 3\n`, 'h:5: "hooks.0": Unrecognized key: "tiemout"'],
  [`${base}    timeout: -1\n`, 'h:5: "hooks.0.timeout": Too small: expected number to be >0'],
  [`${base}    timeout: 0\n`, 'h:5: "hooks.0.timeout": '],
  [`${base}    timeout: soon\n`, 'h:5: "hooks.0.timeout": expected number, received string'],
  [`${base}    timeout: .inf\n`, 'h:5: "hooks.0.timeout": expected number'],
  [`${base}    timeout: 9999999\n`, 'h:5: "hooks.0.timeout": Too big: expected number to be <='],
  [`${base}    enabled: maybe\n`, 'h:5: "hooks.0.enabled": expected boolean, received string'],
  [`${base}    priority: 1.5\n`, 'h:5: "hooks.0.priority": expected int'],
  [`${base}    description: 5\n`, 'h:5: "hooks.0.description": expected string'],
  [`${base}    type: python\n`, 'h:5: "hooks.0.type": expected "shell"'],
  [`${base}    working_dir: ""\n`, 'h:5: "hooks.0.working_dir": '],
  [`${base}    when: discord\n`, 'h:5: "hooks.0.when": expected object, received string'],
  [`${base}    when:\n      platfrom: x\n`, 'h:6: "hooks.0.when": Unrecognized key: "platfrom"'],
  [
    `${base}    when:\n      tool: x\n      user: 123\n`,
    'h:7: "hooks.0.when.user": expected a text',
  ],
  [`${base}    when: { user: [a, 5] }\n`, 'h:5: "hooks.0.when.user": expected a text'],
  [`${base}    env:\n      B: x\n      1A: x\n`, 'h:7: "hooks.0.env.1A": expected the name of a'],
  [`${base}    env:\n      A: [x]\n`, 'h:6: "hooks.0.env.A": expected a text'],
  ["hooks:\n  - name: a\n    command: x\n", 'h:2: "hooks.0.event": expected string'],
  ["hooks:\n  - name: a\n    event: tool:eror\n    command: x\n", 'h:3: "hooks.0.event": expected'],
  ["hooks:\n  - name: a\n    event: tool:error\n", 'h:2: "hooks.0.command": expected string'],
  ["hooks:\n  - name: a/b\n    event: '*'\n    command: x\n", 'h:2: "hooks.0.name": expected le'],
  ["hooks:\n  - event: '*'\n    command: x\n", 'h:2: "hooks.0.name": expected string'],
  ["hooks:\n  - name: a\n    event: '*'\n    command: ' '\n", 'h:4: "hooks.0.command": expected a'],
  ['hooks:\n  - name: a\n    event: "*"\n    command: "a\\0b"\n', 'h:4: "hooks.0.command": expec'],
  [base + base.slice(7), 'h:5: "hooks.1.name": expected a unique name: entry 1 is also called "a"'],
  ["\nhoks: []\n", 'h:2: Unrecognized key: "hoks"'],
  ["[]", "h:1: the file: expected object, received array"],
  ["hooks: 5", 'h:1: "hooks": expected array, received number'],
  ["hooks:\n  - 5\n", 'h:2: "hooks.0": expected object, received number'],
  ["hooks:\n  - name: a\n   event: x\n", "h:3: "],
  [`${base}    name: b\n`, "h:5: Map keys must be unique"],
  ["hooks: [\n", "h:2: "],
  ["hooks: *x", "h: Unresolved alias"],
];

for (const [text, says] of invalid) {
  Deno.test(`${JSON.stringify(text)} is rejected with file, line and key`, async () => {
    await assert.rejects(parseHooksFile(text, "h"), (error) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.ok(error.message.includes(says), error.message);
      return true;
    });
  });
}

Deno.test("the error for an unknown event lists all events", async () => {
  const text = "hooks: [{ name: a, event: x, command: y }]";
  await assert.rejects(parseHooksFile(text, "h"), (error: Error) => {
    for (const name of eventNames) assert.ok(error.message.includes(name), name);
    return true;
  });
});

Deno.test("the error for a value of the wrong type says what was expected", async () => {
  const parse = (field: string) =>
    parseHooksFile(`hooks: [{ name: x, event: "*", command: y, ${field} }]`, "hooks.yaml");
  await assert.rejects(
    parse("when: { channel: 123 }"),
    /"hooks\.0\.when\.channel": expected a text or a list of texts; numbers in quotes/,
  );
  await assert.rejects(parse("env: { A: [1] }"), /"hooks\.0\.env\.A": expected a text, a number/);
});
