/** How hooks went: what is kept of each, trying one out, what goes wrong in one. */

import assert from "node:assert/strict";
import { within } from "../../support/deadline.ts";
import { writtenText } from "../../support/process/temp_folder.ts";
import { noting, RunnerPlace } from "./runner_place.ts";
import { commandOf } from "./sample_hook.ts";

Deno.test("how a hook went is kept, the last hundred times", async () => {
  let now = 1_000;
  await using place = new RunnerPlace({ now: () => now++ });
  place.use({
    name: "command",
    action: place.command(`echo "$CLARA_REQUEST_ID"; [ "$CLARA_REQUEST_ID" != 1 ]`),
  }, { name: "function", event: "message:received", action: noting().action });
  for (const id of ["0", "1"]) place.emit(id);
  const [good, bad] = await place.runs("command", 2);
  assert.deepEqual(
    [good!.kind, good!.trigger, good!.result!.exitCode, good!.result!.output, good!.result!.error],
    ["hook", "message:received", 0, "0\n", undefined],
  );
  assert.deepEqual(
    [bad!.result!.exitCode, bad!.result!.output, bad!.result!.error],
    [1, "1\n", "it ended with exit code 1"],
  );
  assert.ok(good!.startedAt >= 1_000 && good!.startedAt < bad!.startedAt);
  const { got, action } = noting();
  place.use({ name: "function", action });
  for (let index = 0; index < 120; index++) place.emit(`f${index}`);
  await got.waitFor((_, at) => at === 119);
  await place.runner.stop();
  const runs = await place.store.runs.recent({ kind: "hook", name: "function", limit: 1_000 });
  assert.equal(runs.length, 100);
});

Deno.test("a store that takes nothing does not keep hooks from running", async () => {
  const hook = noting();
  await using place = new RunnerPlace({
    runs: { add: () => Promise.reject(new Error("the disk is full")) },
  });
  place.use({ action: hook.action });
  for (const id of ["1", "2"]) place.emit(id);
  await hook.got.waitFor((_, at) => at === 1);
});

Deno.test("a hook that is tried out runs at once, and its result is given", async () => {
  await using place = new RunnerPlace();
  place.use({
    name: "off",
    enabled: false,
    action: place.command(`cat; echo "$CLARA_USER_ID" >&2; exit 4`),
  });
  const event = { name: "session:start", at: new Date(0), data: { user_id: "me" } } as const;
  const result = await place.runner.test("off", {
    ...event,
    data: { ...event.data, session_id: "s" },
  });
  assert.equal(result!.exitCode, 4);
  assert.match(result!.output, /"type":"session:start"/);
  assert.match(result!.output, /^me$/m);
  assert.equal(await place.runner.test("none", place.emitted.items[0]!), undefined);
});

Deno.test("a function that throws, and one that hangs, are told and harm nobody", async () => {
  await using place = new RunnerPlace();
  const good = noting();
  let aborted: unknown;
  place.use({
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
  place.emit("1");
  place.emit("2");
  const [thrown] = await place.runs("throws", 2);
  const [hung] = await place.runs("hangs", 2);
  assert.equal(thrown!.result!.error, "no luck");
  assert.equal(hung!.result!.error, "it took longer than 0.05 seconds");
  assert.match(String(aborted), /longer than/);
  assert.deepEqual(good.ids(), ["1", "2"]);
});

Deno.test("a command gets its own variables, and nothing of the gateway's that is secret", async () => {
  const secrets: Readonly<Record<string, string>> = { OPENAI_API_KEY: "sk-1", TOKEN: "t-1" };
  await using place = new RunnerPlace({ environment: (name) => secrets[name] });
  const env = { WEBHOOK: "https://example.com/${TOKEN}", PLAIN: "$TOKEN", CLARA_USER_ID: "forged" };
  place.use(
    { name: "env", action: place.command("env > env.txt.new && mv env.txt.new env.txt", env) },
    { name: "unset", action: place.command("true", { X: "${NOT_SET}" }) },
  );
  place.emit("1");
  const text = await writtenText(`${place.folder.path}/env.txt`);
  assert.match(text, /^WEBHOOK=https:\/\/example\.com\/t-1$/m);
  assert.match(text, /^PLAIN=\$TOKEN$/m);
  assert.match(text, /^CLARA_USER_ID=user-1$/m);
  assert.ok(!text.includes("sk-1"));
  const [unset] = await place.runs("unset", 1);
  assert.match(unset!.result!.error!, /the environment variable NOT_SET is not set/);
});

Deno.test("a command's folder that is missing is told, and the next event is handled", async () => {
  await using place = new RunnerPlace();
  const workingDir = `${place.folder.path}/later`;
  const action = commandOf("echo ok", { workingDir });
  place.use({ event: "message:received", action });
  place.emit("1");
  const [failed] = await place.runs("sample", 1);
  assert.match(failed!.result!.error!, /later/);
  Deno.mkdirSync(workingDir);
  place.emit("2");
  const [, good] = await within(place.runs("sample", 2), { what: "the second run" });
  assert.equal(good!.result!.output, "ok\n");
});
