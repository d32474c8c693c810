import assert from "node:assert/strict";
import { recall, remember } from "../../../src/tools/builtin/memory.ts";
import type { ToolOutput, ToolRun } from "../../../src/tools/tool.ts";
import { SqliteFolder } from "../../store/sqlite/sqlite_place.ts";
import { callTool } from "../call_tool.ts";

type Call = (
  name: "remember" | "recall",
  json: Readonly<Record<string, unknown>>,
  fields?: Partial<ToolRun>,
) => Promise<ToolOutput>;

function testMemoryTools(sentence: string, test: (call: Call) => Promise<void>): void {
  Deno.test(sentence, async () => {
    await using place = new SqliteFolder();
    await using store = await place.open();
    const tools = {
      remember: remember(store.memories, { now: () => 1000 }),
      recall: recall(store.memories),
    };
    await test((name, json, fields) => callTool(tools[name], json, fields));
  });
}

const server = { channelType: "server", channelKey: "server-1" } as const;
const unknown = { channelType: undefined, channelKey: "unknown-1" } as const;

testMemoryTools("a remembered fact is recalled", async (call) => {
  assert.equal(await call("remember", { text: " Ada has a cat. " }), "Remembered.");
  assert.equal(await call("remember", { text: "Ada has a cat." }), "This was already remembered.");
  assert.equal(await call("recall", { query: "cats" }), "[1970-01-01] Ada has a cat.");
  assert.equal(await call("recall", {}), "[1970-01-01] Ada has a cat.");
  assert.match(String(await call("recall", { query: "dogs" })), /^No remembered fact.*"dogs"/);
  assert.match(String(await call("recall", {}, { userId: "user-2" })), /^No facts/);
  assert.match(String(await call("recall", {}, { platform: "other" })), /^No facts/);
});

testMemoryTools("a fact from a DM is not recalled in a server or group", async (call) => {
  await call("remember", { text: "secret tea" });
  await call("remember", { text: "open tea" }, server);
  for (const fields of [server, { ...server, channelType: "group" } as const]) {
    for (const json of [{ query: "tea" }, {}]) {
      assert.equal(await call("recall", json, fields), "[1970-01-01] open tea");
    }
  }
  assert.match(String(await call("recall", { query: "tea" })), /secret tea/);
});

testMemoryTools(
  "a channel of unknown type recalls its own facts and public ones",
  async (call) => {
    await call("remember", { text: "secret" });
    await call("remember", { text: "here" }, unknown);
    await call("remember", { text: "open" }, server);
    const lines = async (fields: Partial<ToolRun>) =>
      String(await call("recall", {}, fields)).replaceAll("[1970-01-01] ", "").split("\n");
    assert.deepEqual(await lines(unknown), ["open", "here"]);
    assert.deepEqual(await lines({ ...unknown, channelKey: "unknown-2" }), ["open"]);
    assert.deepEqual(await lines(server), ["open"]);
    assert.deepEqual(await lines({}), ["open", "here", "secret"]);
  },
);

testMemoryTools("a fact that is empty, too long or contains NUL is refused", async (call) => {
  await assert.rejects(call("remember", { text: "  " }), /"text"/);
  await assert.rejects(call("remember", { text: "x".repeat(2001) }), /"text"/);
  await assert.rejects(call("remember", { text: "a\0b" }), /"text": must not contain NUL/);
});

Deno.test("the description of a call shortens a long fact", () => {
  const tool = remember({ add: () => Promise.reject(new Error("not called")) });
  assert.equal(tool.describe({ text: "x".repeat(100) }), `Remembering “${"x".repeat(59)}…”`);
});
