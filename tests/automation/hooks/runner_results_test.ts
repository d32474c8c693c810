/** Results of hooks: storing them, testing a hook, failures. */

import assert from "node:assert/strict";
import { within } from "../../support/deadline.ts";
import { writtenText } from "../../support/process/temp_folder.ts";
import { HookRunnerFixture, recordingHook } from "./hook_runner_fixture.ts";
import { commandOf } from "./sample_hook.ts";

Deno.test("the last hundred results of a hook are stored", async () => {
  let now = 1_000;
  await using fixture = new HookRunnerFixture({ now: () => now++ });
  fixture.use({
    name: "command",
    action: fixture.command(`echo "$CLARA_REQUEST_ID"; [ "$CLARA_REQUEST_ID" != 1 ]`),
  }, { name: "function", event: "message:received", action: recordingHook().action });
  for (const id of ["0", "1"]) fixture.emit(id);
  const [good, bad] = await fixture.runs("command", 2);
  assert.deepEqual(
    [good!.kind, good!.trigger, good!.result!.exitCode, good!.result!.output, good!.result!.error],
    ["hook", "message:received", 0, "0\n", undefined],
  );
  assert.deepEqual(
    [bad!.result!.exitCode, bad!.result!.output, bad!.result!.error],
    [1, "1\n", "it exited with code 1"],
  );
  assert.ok(good!.startedAt >= 1_000 && good!.startedAt < bad!.startedAt);
  const { got, action } = recordingHook();
  fixture.use({ name: "function", action });
  for (let index = 0; index < 120; index++) fixture.emit(`f${index}`);
  await got.waitFor((_, at) => at === 119);
  await fixture.runner.stop();
  const runs = await fixture.store.runs.recent({ kind: "hook", name: "function", limit: 1_000 });
  assert.equal(runs.length, 100);
});

Deno.test("hooks run even if their results cannot be stored", async () => {
  const hook = recordingHook();
  await using fixture = new HookRunnerFixture({
    runs: { add: () => Promise.reject(new Error("the disk is full")) },
  });
  fixture.use({ action: hook.action });
  for (const id of ["1", "2"]) fixture.emit(id);
  await hook.got.waitFor((_, at) => at === 1);
});

Deno.test("testing a hook runs it at once, even if disabled, and returns the result", async () => {
  await using fixture = new HookRunnerFixture();
  fixture.use({
    name: "off",
    enabled: false,
    action: fixture.command(`cat; echo "$CLARA_USER_ID" >&2; exit 4`),
  });
  const event = { name: "session:start", at: new Date(0), data: { user_id: "me" } } as const;
  const result = await fixture.runner.test("off", {
    ...event,
    data: { ...event.data, session_id: "s" },
  });
  assert.equal(result!.exitCode, 4);
  assert.match(result!.output, /"type":"session:start"/);
  assert.match(result!.output, /^me$/m);
  assert.equal(await fixture.runner.test("none", fixture.emitted.items[0]!), undefined);
});

Deno.test("a function that throws or hangs is reported and does not affect other hooks", async () => {
  await using fixture = new HookRunnerFixture();
  const good = recordingHook();
  let aborted: unknown;
  fixture.use({
    name: "throws",
    action: {
      type: "function",
      run: () => {
        throw new Error("no luck");
      },
    },
  }, {
    name: "hangs",
    timeoutMs: 50,
    action: {
      type: "function",
      run: (_event, { signal }) => {
        signal.addEventListener("abort", () => aborted = signal.reason);
        return new Promise(() => {});
      },
    },
  }, { name: "good", event: "message:received", action: good.action });
  fixture.emit("1");
  fixture.emit("2");
  const [thrown] = await fixture.runs("throws", 2);
  const [hung] = await fixture.runs("hangs", 2);
  assert.equal(thrown!.result!.error, "no luck");
  assert.equal(hung!.result!.error, "it took longer than 0.05 seconds");
  assert.match(String(aborted), /longer than/);
  assert.deepEqual(good.ids(), ["1", "2"]);
});

Deno.test("a command gets its own variables and none of the gateway's secrets", async () => {
  const secrets: Readonly<Record<string, string>> = { OPENAI_API_KEY: "sk-1", TOKEN: "t-1" };
  await using fixture = new HookRunnerFixture({ environment: (name) => secrets[name] });
  const env = { WEBHOOK: "https://example.com/${TOKEN}", PLAIN: "$TOKEN", CLARA_USER_ID: "forged" };
  fixture.use(
    { name: "env", action: fixture.command("env > env.txt.new && mv env.txt.new env.txt", env) },
    { name: "unset", action: fixture.command("true", { X: "${NOT_SET}" }) },
  );
  fixture.emit("1");
  const text = await writtenText(`${fixture.folder.path}/env.txt`);
  assert.match(text, /^WEBHOOK=https:\/\/example\.com\/t-1$/m);
  assert.match(text, /^PLAIN=\$TOKEN$/m);
  assert.match(text, /^CLARA_USER_ID=user-1$/m);
  assert.ok(!text.includes("sk-1"));
  const [unset] = await fixture.runs("unset", 1);
  assert.match(unset!.result!.error!, /the environment variable NOT_SET is not set/);
});

Deno.test("a missing working directory is reported, and the next event is handled", async () => {
  await using fixture = new HookRunnerFixture();
  const workingDir = `${fixture.folder.path}/later`;
  const action = commandOf("echo ok", { workingDir });
  fixture.use({ event: "message:received", action });
  fixture.emit("1");
  const [failed] = await fixture.runs("sample", 1);
  assert.match(failed!.result!.error!, /later/);
  Deno.mkdirSync(workingDir);
  fixture.emit("2");
  const [, good] = await within(fixture.runs("sample", 2), { what: "the second run" });
  assert.equal(good!.result!.output, "ok\n");
});
