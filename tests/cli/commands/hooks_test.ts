/** The command `hooks` as a process, with and without a running gateway. */

import assert from "node:assert/strict";
import { type CommandResult, runCommand } from "../../support/process/command_process.ts";
import { PluginFolder } from "../../support/plugin_folder.ts";
import { TestGateway } from "../../support/test_gateway.ts";

const yaml = `
hooks:
  - name: Größe 日本
    description: Prints what it gets
    event: message:sent
    command: echo "$CLARA_EVENT_TYPE $CLARA_CONTENT"; cat; echo "in $CLARA_DATA_DIR" >&2
  - { name: fails, event: "tool:*", enabled: false, command: exit 7 }
  - { name: steers, event: "*", enabled: false, command: "printf '\\\\033[2J\\\\233x\\\\302\\\\2331m\\\\a\\\\r'" }
`;

/** A plugin whose hook has a name with a newline and escape sequences. */
const oddPlugin = `export default (gateway) => gateway.hook("tool:end", () => {
  throw new Error("first\\nsecond  ok  \\u001b[2J");
}, { name: "a/b ?#%\\nforged\\u001b[31m", description: "\\u009b31m" });`;

/** A folder in which to run `hooks`. */
class HookFolder extends PluginFolder {
  constructor(files: Readonly<Record<string, string>> = { "hooks.yaml": yaml }) {
    super(files);
  }

  hooks(words: readonly string[], gateway?: TestGateway, env = {}): Promise<CommandResult> {
    return runCommand(["hooks", ...words], {
      cwd: this.path,
      url: gateway?.url,
      env: { ...this.env, CLARA_DATA_DIR: gateway?.dataDir ?? this.file("data"), ...env },
    });
  }
}

async function hooksIdle(gateway: TestGateway): Promise<void> {
  for (;;) {
    const { hooks } = await gateway.health() as {
      readonly hooks: { readonly running: number; readonly queued: number };
    };
    if (hooks.running + hooks.queued === 0) return;
  }
}

/** Asserts that nothing but text, newlines and tabs goes to the terminal. */
function assertHarmless({ out, err }: CommandResult): void {
  assert.doesNotMatch(out + err, /[^\P{Cc}\n\t]/u);
}

Deno.test("without a gateway, hooks are listed and tested from the file", async () => {
  await using folder = new HookFolder();
  const { code, out, err } = await folder.hooks(["list"]);
  assert.deepEqual([code, err], [0, ""]);
  const [head, first, second] = out.split("\n");
  assert.match(head!, /^NAME +EVENT +STATE +QUEUED +DROPPED +SOURCE +DESCRIPTION$/);
  assert.match(first!, /^Größe 日本 +message:sent +on +0 +0 +\S*hooks\.yaml +Prints what it gets$/);
  assert.match(second!, /^fails +tool:\* +off /);
  const [shown] = JSON.parse((await folder.hooks(["list", "--json"])).out);
  assert.deepEqual([shown.name, shown.event, shown.timeout], ["Größe 日本", "message:sent", 30]);

  const tried = await folder.hooks(["test", "Größe 日本"]);
  assert.deepEqual([tried.code, tried.err], [0, ""]);
  assert.match(tried.out, /^Größe 日本 {2}for message:sent {2}ok {2}exit code 0 {2}\d+ ms\n/);
  assert.match(tried.out, /^ {4}message:sent A test's answer\.$/m);
  assert.match(tried.out, /^ {4}\{"type":"message:sent",.*\}$/m);
  // As in the gateway.
  assert.ok(tried.out.includes(`    in ${folder.file("data")}`), tried.out);

  const failed = await folder.hooks(["test", "fails", "--event", "session:end", "--json"]);
  assert.equal(failed.code, 1);
  const { duration_ms: _, ...result } = JSON.parse(failed.out);
  assert.deepEqual(result, {
    name: "fails",
    event: "session:end",
    ok: false,
    exit_code: 7,
    output: "",
    error: "it exited with code 7",
  });
});

Deno.test("without a store there are no results, and no store is created", async () => {
  await using folder = new HookFolder();
  const { code, out } = await folder.hooks(["results"]);
  assert.deepEqual([code, out], [0, "No hook has run yet."]);
  assert.equal((await folder.hooks(["results", "--json"])).out, "[]");
  await assert.rejects(Deno.stat(folder.file("data")), Deno.errors.NotFound);
});

Deno.test("without a file there are no hooks", async () => {
  await using folder = new HookFolder({});
  assert.deepEqual((await folder.hooks(["list"])).out, "There are no hooks.");
  const { code, err } = await folder.hooks(["test", "any"]);
  assert.deepEqual([code, err], [2, 'There is no hook "any" in hooks.yaml']);
});

Deno.test("with a running gateway, hooks are listed, tested and reloaded; results stay when it stops", async () => {
  await using folder = new HookFolder({ "hooks.yaml": yaml, "odd.js": oddPlugin });
  await using gateway = await TestGateway.start({ llm: "echo", config: folder.config });
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("a word"));
  await hooksIdle(gateway);
  const { code, out, err } = await folder.hooks(["list"], gateway);
  assert.deepEqual([code, err], [0, ""]);
  assertHarmless({ code, out, err });
  assert.equal(out.split("\n").length, 5);
  assert.match(out, /^a\/b \?#% forged�\[31m +tool:end +on .* odd\.js +�31m$/m);

  const name = "a/b ?#%\nforged\u001b[31m";
  const odd = await folder.hooks(["test", name], gateway);
  assert.equal(odd.code, 1);
  assertHarmless(odd);
  assert.match(odd.out, /^a\/b \?#% forged.* FAILED: first second {2}ok {2}�\[2J {2}\d+ ms$/);

  for (const json of [[], ["--json"]]) {
    const steered = await folder.hooks(["test", "steers", ...json], gateway);
    assert.equal(steered.code, 0);
    assertHarmless(steered);
  }

  folder.write("hooks.yaml", "hooks: [{ name: new, event: 'x:y', command: z }]");
  const refused = await folder.hooks(["reload"], gateway);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /^Cannot use .*hooks\.yaml:1: "hooks\.0\.event": expected/);
  assert.equal(refused.err.split("\n").length, 1);
  folder.write("hooks.yaml", yaml);
  const read = await folder.hooks(["reload"], gateway);
  assert.deepEqual([read.code, read.err], [0, ""]);
  const one = (await folder.hooks(["results", "Größe 日本"], gateway)).out;
  assert.match(one, /^\d{4}-\S+Z {2}Größe 日本 {2}for message:sent {2}ok {2}exit code 0/);
  assert.match(one, /^ {4}message:sent a word$/m);
  const all = await folder.hooks(["results"], gateway);
  assert.ok(all.out.startsWith(one));
  assertHarmless(all);
  await gateway.stop();
  const kept = { CLARA_DATA_DIR: gateway.dataDir };
  const stored = await folder.hooks(["results"], undefined, kept);
  assert.deepEqual(stored, all);
  const rows = JSON.parse((await folder.hooks(["results", "--json"], undefined, kept)).out);
  assert.deepEqual(
    rows.map(({ name, ok }: Record<string, unknown>) => [name, ok]),
    [["Größe 日本", true], ["a/b ?#%\nforged\u001b[31m", false], ["steers", true], [
      "steers",
      true,
    ]],
  );
});

Deno.test("a refusal, and a server that is not a gateway, are reported in one line", async () => {
  await using folder = new HookFolder();
  await using gateway = await TestGateway.start({
    llm: "echo",
    config: { ...folder.config, secret: "sésame" },
  });
  for (const words of [["list"], ["test", "fails"], ["results"], ["reload"]]) {
    const { code, out, err } = await folder.hooks(words, gateway, { CLARA_GATEWAY_SECRET: "no" });
    assert.deepEqual([code, out], [1, ""]);
    assert.match(err, /^Wrong or missing secret\. [^\n]*$/);
  }
  const knows = { CLARA_GATEWAY_SECRET: "sésame" };
  assert.equal((await folder.hooks(["list"], gateway, knows)).code, 0);
  const wrong: readonly (readonly [words: readonly string[], says: RegExp])[] = [
    [["test", "nobody"], /^There is no hook "nobody"$/],
    [
      ["test", "fails", "--event", "no:event"],
      /^There is no event "no:event"; expected one of [^\n]*$/,
    ],
  ];
  for (const [words, says] of wrong) {
    const { code, err } = await folder.hooks(words, gateway, knows);
    assert.equal(code, 1);
    assert.match(err, says);
  }

  for (
    const [status, body] of [[200, "<p>\u001b[2Jhello\nyou"], [500, "oh"], [200, "[1]"]] as const
  ) {
    await using server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      () => new Response(body, { status }),
    );
    const url = `ws://127.0.0.1:${server.addr.port}`;
    const ended = await runCommand(["hooks", "list"], { cwd: folder.path, url, env: folder.env });
    assert.deepEqual([ended.code, ended.out], [1, ""]);
    assert.match(ended.err, /^The server is not a Clara gateway; it answered: [^\n]*$/);
    assertHarmless(ended);
  }
});

const misuses: readonly (readonly [words: readonly string[], says: RegExp])[] = [
  [["dance"], /^Cannot use "dance" after hooks: expected one of list, test, results, reload$/m],
  [["test"], /^Missing: the hook's name$/],
  [["test", "nobody"], /^There is no hook "nobody" in hooks\.yaml$/],
  [["test", "fails", "--event", "no:event"], /^There is no event "no:event"; expected one of /],
  [["list", "--nonsense"], /--nonsense.*\nTry: clara-gateway --help/s],
  [["list", "--hooks-dir", "missing"], /CLARA_HOOKS_DIR="missing"/],
  [["reload", "--url", "http://x"], /--url="http:\/\/x": expected ws:/],
];

for (const [words, says] of misuses) {
  Deno.test(`hooks ${words.join(" ")} is refused with a hint`, async () => {
    await using folder = new HookFolder();
    const { code, out, err } = await folder.hooks(words);
    assert.deepEqual([code, out], [2, ""]);
    assert.match(err, says);
  });
}

Deno.test("an invalid file is reported with its line; help is printed", async () => {
  await using folder = new HookFolder({ "hooks.yaml": "hooks:\n  - { name: x }" });
  const { code, err } = await folder.hooks(["list"]);
  assert.equal(code, 2);
  assert.match(err, /^Cannot use .*hooks\.yaml:2: "hooks\.0\.event": /);
  for (const words of [[], ["help"]]) {
    const help = await folder.hooks(words);
    assert.equal(help.code, 0);
    assert.match(help.out, /test NAME/);
  }
  const reload = await folder.hooks(["reload"]);
  assert.equal(reload.code, 1);
  assert.match(reload.err, /^No gateway is running on the data folder [^\n]*$/);
});
