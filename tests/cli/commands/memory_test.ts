/** The commands `memory` and `forget` as processes, with and without a running gateway. */

import assert from "node:assert/strict";
import { SqliteStore } from "../../../src/store/sqlite/store.ts";
import {
  type CommandOptions,
  type CommandResult,
  runCommand,
} from "../../support/process/command_process.ts";
import { Mem0Server } from "../../support/mem0_server.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";
import { TestGateway } from "../../support/test_gateway.ts";

/** Runs `memory`; without a URL, no gateway is running. */
function memory(
  words: readonly string[],
  { dataDir, url, env }: Pick<CommandOptions, "url" | "env"> & { readonly dataDir: string },
): Promise<CommandResult> {
  const where = ["--data-dir", dataDir, ...(url ? ["--url", url] : [])];
  return runCommand(["memory", ...words, ...where], { cwd: dataDir, env });
}

async function remember(dataDir: string, texts: readonly string[]): Promise<void> {
  await using store = SqliteStore.open(dataDir);
  for (const text of texts) {
    await store.memories.add({
      userKey: "discord:7",
      text,
      private: true,
      channelKey: "discord:dm",
      createdAt: 1_700_000_000_000,
    }, { cap: 10 });
  }
}

Deno.test("without a gateway, memories are listed, searched and deleted", async () => {
  await using folder = new TempFolder();
  const dataDir = folder.path;
  const user = ["--user", "discord:7"];
  assert.equal((await memory(["list", ...user], { dataDir })).out, "There are no memories.");
  assert.deepEqual([...Deno.readDirSync(dataDir)], [], "no store is created");
  await remember(dataDir, ["Ada has a cat", "Ada rows\nwell", "Ada drinks tea", "Ada is 36"]);

  const listed = await memory(["list", ...user], { dataDir });
  assert.match(
    listed.out,
    /^ID +DATE +WHERE +MEMORY\n4 +2023-11-14 +discord:dm \(private\) +Ada is 36\n/,
  );
  assert.match(listed.out, /Ada rows well/);
  const found = await memory(["search", "cats", ...user, "--json"], { dataDir });
  assert.equal(JSON.parse(found.out)[0].text, "Ada has a cat");
  assert.equal((await memory(["forget", ...user, "--id", "1"], { dataDir })).out, "Deleted: 1");
  assert.equal((await memory(["forget", ...user, "--id", "1"], { dataDir })).code, 1);
  const some = await memory(["forget", ...user, "--text", "TEA"], { dataDir });
  assert.equal(some.out, "Deleted: 1");
  const others = await memory(["forget", "--user", "discord:8", "--all"], { dataDir });
  assert.equal(others.out, "Deleted: 0");
  assert.equal((await memory(["forget", ...user, "--all"], { dataDir })).out, "Deleted: 2");
  assert.equal((await memory(["list", ...user], { dataDir })).out, "There are no memories.");
});

Deno.test("wrong usage is refused with the reason", async () => {
  await using folder = new TempFolder();
  for (
    const [words, reason] of [
      [["list"], /--user PLATFORM:ID/],
      [["list", "--user", "ada"], /--user PLATFORM:ID/],
      [["search", "--user", "discord:7"], /what to search/],
      [["forget", "--user", "discord:7"], /--id ID, --text TEXT and --all/],
      [["forget", "--user", "discord:7", "--all", "--id", "1"], /one of/],
      [["forget", "--user", "discord:7", "--text", " "], /one of/],
      [
        ["erase", "--user", "discord:7"],
        /Cannot use "erase" after memory: expected one of list, search, forget/,
      ],
    ] as const
  ) {
    const { code, err } = await memory(words, { dataDir: folder.path });
    assert.equal(code, 2);
    assert.match(err, reason);
  }
});

Deno.test("without a gateway, forget deletes from mem0 too, and fails if mem0 does", async () => {
  await using mem0 = Mem0Server.start("self-hosted");
  mem0.addMemory("Ada has a cat", { user_id: "discord:7", run_id: "dm" });
  mem0.addMemory("Bob has a dog", { user_id: "discord:8", run_id: "open" });
  await using folder = new TempFolder();
  await remember(folder.path, ["Ada has a fish"]);
  const options = {
    cwd: folder.path,
    env: {
      CLARA_DATA_DIR: folder.path,
      CLARA_MEMORY: "mem0",
      MEM0_BASE_URL: mem0.url,
      MEM0_API_KEY: mem0.key,
    },
  };
  const words = ["forget", "--user", "discord:7", "--json"];
  const { code, out, err } = await runCommand(words, options);
  assert.equal(code, 0, err);
  assert.deepEqual([JSON.parse(out).memories, JSON.parse(out).elsewhere], [1, 1]);
  assert.deepEqual(mem0.memories.map(({ memory }) => memory), ["Bob has a dog"]);
  mem0.fail({ applies: () => true, status: 500 });
  const failed = await runCommand(words, options);
  assert.deepEqual([failed.code, failed.out], [1, ""]);
  assert.match(failed.err, /mem0: it returned status 500\b/);
});

Deno.test("with a running gateway and mem0, only the user's own memories are listed and deleted", async () => {
  await using mem0 = Mem0Server.start("self-hosted");
  mem0.addMemory("Ada has a cat", { user_id: "discord:7", run_id: "dm" });
  mem0.addMemory("Bob has a dog", { user_id: "discord:8", run_id: "open" });
  const { url: baseUrl, key: apiKey } = mem0;
  await using gateway = await TestGateway.start({
    config: { memory: { kind: "mem0", mem0: { baseUrl, apiKey, api: "auto", timeoutMs: 5000 } } },
  });
  const options = { dataDir: gateway.dataDir, url: gateway.url };
  const listed = await memory(["list", "--user", "discord:7"], options);
  assert.match(listed.out, /- \(private\) +Ada has a cat/);
  assert.doesNotMatch(listed.out, /dog/);
  const dog = mem0.memories.find(({ memory }) => memory.includes("dog"))!;
  const stolen = await memory(["forget", "--user", "discord:7", "--id", dog.id], options);
  assert.equal(stolen.out, "Deleted: 0");
  assert.equal((await memory(["forget", "--user", "discord:7", "--all"], options)).code, 0);
  assert.deepEqual(mem0.memories.map(({ memory }) => memory), ["Bob has a dog"]);
  mem0.fail({ applies: () => true, status: 500 });
  const failed = await memory(["list", "--user", "discord:7"], options);
  assert.deepEqual([failed.code, failed.err], [1, "Cannot list mem0: it returned status 500"]);
});
