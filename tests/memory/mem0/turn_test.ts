/** Turns of a gateway with mem0, hosted and self-hosted: search, storage, failures. */

import assert from "node:assert/strict";
import { type ChatRequest, textOf } from "../../support/llm/chat_request.ts";
import { isAdd, isSearch, Mem0Server } from "../../support/mem0_server.ts";
import { type ConfigOverrides, TestGateway } from "../../support/test_gateway.ts";

type Api = "hosted" | "self-hosted";

const dm = { channelId: "dm-1", channel_type: "dm" } as const;
const server = { channelId: "general", channel_type: "server" } as const;
const unknown = { channelId: "somewhere" } as const;

function config(
  mem0: Mem0Server,
  api: Api,
  options: { readonly budgetMs?: number; readonly agentId?: string } = {},
): ConfigOverrides {
  const { budgetMs = 1500, agentId } = options;
  const { url: baseUrl, key: apiKey } = mem0;
  return {
    memory: {
      kind: "mem0",
      budgetMs,
      mem0: { baseUrl, apiKey, api, agentId, timeoutMs: 60_000 },
    },
  };
}

function system(request: { readonly body: ChatRequest }): string {
  return textOf(request.body.messages[0]!);
}

async function memoryHealth(gateway: TestGateway) {
  const { memory } = await gateway.health();
  return memory as Readonly<Record<string, unknown>>;
}

for (const api of ["hosted", "self-hosted"] as const) {
  Deno.test(`mem0, ${api}: memories reach the model, and the exchange is stored once`, async () => {
    await using mem0 = Mem0Server.start(api);
    mem0.addMemory("Ada has a cat", { user_id: "discord:user-1", run_id: "open" });
    mem0.addMemory("Bob has a dog", { user_id: "discord:user-2", run_id: "open" });
    await using gateway = await TestGateway.start({ config: config(mem0, api) });
    await using adapter = await gateway.connect({ platform: "discord", nodeId: "node-1" });
    gateway.llm.reply({ text: "Rowing, then." });
    await adapter.replyTo(adapter.say("I row on Sundays", { ...server, requestId: "r-1" }));
    assert.match(
      system(gateway.llm.requests[0]!),
      /# Memories\n[^#]*- \[2023-11-14\] Ada has a cat/,
    );
    assert.doesNotMatch(system(gateway.llm.requests[0]!), /dog/);

    const { body } = await mem0.request(isAdd);
    assert.deepEqual(body, {
      user_id: "discord:user-1",
      run_id: "open",
      messages: [
        { role: "user", content: "I row on Sundays" },
        { role: "assistant", content: "Rowing, then." },
      ],
      metadata: {
        request: "node-1/r-1",
        scope: "open",
        channel: "discord:general",
        channel_type: "server",
      },
    });
    await adapter.replyTo(adapter.say("What do I do on Sundays?", { ...server, requestId: "r-2" }));
    assert.match(system(gateway.llm.requests[1]!), /I row on Sundays/);
    await mem0.requests.waitFor((request) =>
      isAdd(request) && JSON.stringify(request.body).includes("r-2")
    );
    assert.equal(mem0.adds.length, 2);
    const { waiting: _, ...health } = await memoryHealth(gateway);
    assert.deepEqual(health, { kind: "mem0", state: "ok", dropped: 0 });
  });

  Deno.test(`mem0, ${api}: what was said in a DM is not recalled in a server`, async () => {
    await using mem0 = Mem0Server.start(api);
    await using gateway = await TestGateway.start({ config: config(mem0, api) });
    await using adapter = await gateway.connect();
    const say = async (text: string, place: Readonly<Record<string, string>>) => {
      const index = gateway.llm.requests.length;
      await adapter.replyTo(adapter.say(text, place));
      await mem0.requests.waitFor((request) =>
        isAdd(request) && JSON.stringify(request.body).includes(text)
      );
      return system(gateway.llm.requests[index]!);
    };
    await say("I am ill", dm);
    await say("I am here", server);
    await say("I am somewhere", unknown);
    const inServer = await say("How am I?", server);
    assert.match(inServer, /I am here/);
    assert.doesNotMatch(inServer, /I am ill|I am somewhere/);
    const inUnknown = await say("How am I now?", unknown);
    assert.match(inUnknown, /I am somewhere/);
    assert.match(inUnknown, /I am here/);
    assert.doesNotMatch(inUnknown, /I am ill/);
    const elsewhere = await say("And now?", { channelId: "elsewhere" });
    assert.doesNotMatch(elsewhere, /I am ill|I am somewhere/);
    const inDm = await say("And here?", { channelId: "dm-2", channel_type: "dm" });
    for (const fact of [/I am ill/, /I am here/, /I am somewhere/]) assert.match(inDm, fact);
  });

  Deno.test(`mem0, ${api}: a memory of a wrong scope is not shown, even if mem0 returns it`, async () => {
    await using mem0 = Mem0Server.start(api);
    await using gateway = await TestGateway.start({ config: config(mem0, api) });
    await using adapter = await gateway.connect();
    const leak = { id: "1", memory: "Ada is ill", run_id: "dm", metadata: { scope: "dm" } };
    mem0.fail({
      applies: isSearch,
      status: 200,
      body: JSON.stringify({ results: [leak, { ...leak, memory: "Ada is here", run_id: "open" }] }),
    });
    await adapter.replyTo(adapter.say("How am I?", server));
    assert.match(system(gateway.llm.requests[0]!), /Ada is here/);
    assert.doesNotMatch(system(gateway.llm.requests[0]!), /Ada is ill/);
  });

  Deno.test(`mem0, ${api}: two agents have separate memories`, async () => {
    await using mem0 = Mem0Server.start(api);
    await using one = await TestGateway.start({ config: config(mem0, api, { agentId: "one" }) });
    await using two = await TestGateway.start({ config: config(mem0, api, { agentId: "two" }) });
    await using first = await one.connect();
    await first.replyTo(first.say("I like tea", server));
    await mem0.request(isAdd);
    await first.replyTo(first.say("What do I like?", server));
    assert.match(system(one.llm.requests[1]!), /I like tea/);
    await using second = await two.connect();
    await second.replyTo(second.say("What do I like?", server));
    assert.doesNotMatch(system(two.llm.requests[0]!), /I like tea/);
  });
}

Deno.test("a mem0 that hangs costs a turn its budget, and nothing after three failures", async () => {
  await using mem0 = Mem0Server.start("hosted");
  mem0.fail({ applies: () => true, hangs: true });
  const budgetMs = 300;
  await using gateway = await TestGateway.start({ config: config(mem0, "hosted", { budgetMs }) });
  await using adapter = await gateway.connect();
  const times: number[] = [];
  for (const word of ["one", "two", "three", "four"]) {
    const start = performance.now();
    const { terminal } = await adapter.replyTo(adapter.say(word, dm));
    assert.equal(terminal.content, word);
    times.push(performance.now() - start);
  }
  for (const time of times.slice(0, 3)) assert.ok(time >= budgetMs, `${time} ms`);
  for (const time of times) assert.ok(time < budgetMs + 2_000, `${time} ms`);
  // After three consecutive failures it is in cooldown.
  assert.equal(mem0.requests.items.filter(isSearch).length, 3);
  const { state, last_error } = await memoryHealth(gateway);
  assert.equal(state, "down");
  assert.match(String(last_error), /no answer within 0.3 s/i);
});

for (
  const [what, fault, error] of [
    ["returns status 500", { status: 500 }, /status 500/],
    ["rejects the key", { status: 401 }, /status 401; check MEM0_API_KEY/],
    ["returns no JSON", { status: 200, body: "<html>user-1</html>" }, /not JSON/],
    ["returns unexpected JSON", { status: 200, body: '{"results": 7}' }, /not a list/],
    ["returns status 404", { status: 404 }, /status 404; check MEM0_BASE_URL/],
  ] as const
) {
  Deno.test(`a mem0 that ${what} does not delay a turn, and /health reports it`, async () => {
    await using mem0 = Mem0Server.start("self-hosted");
    mem0.fail({ applies: isSearch, ...fault });
    await using gateway = await TestGateway.start({ config: config(mem0, "self-hosted") });
    await using adapter = await gateway.connect();
    const { terminal } = await adapter.replyTo(adapter.say("Hello", dm));
    assert.equal(terminal.content, "Hello");
    const { state, last_error } = await memoryHealth(gateway);
    assert.equal(state, "down");
    assert.match(String(last_error), error);
    assert.doesNotMatch(String(last_error), /user-1|127\.0\.0\.1/);
    mem0.recover();
    await mem0.request(isAdd);
    await adapter.replyTo(adapter.say("Again", dm));
    assert.match(system(gateway.llm.requests[1]!), /Hello/);
    assert.equal((await memoryHealth(gateway)).state, "ok");
  });
}

Deno.test("while mem0 is down, turns continue and exchanges wait", async () => {
  await using mem0 = Mem0Server.start("self-hosted");
  mem0.fail({ applies: () => true, status: 503 });
  await using gateway = await TestGateway.start({ config: config(mem0, "self-hosted") });
  await using adapter = await gateway.connect();
  for (const word of ["one", "two", "three"]) await adapter.replyTo(adapter.say(word, server));
  assert.equal((await memoryHealth(gateway)).waiting, 3);
  mem0.recover();
  for (const word of ["one", "two", "three"]) {
    await mem0.requests.waitFor((request) =>
      isAdd(request) && JSON.stringify(request.body).includes(word)
    );
  }
  while ((await memoryHealth(gateway)).waiting !== 0);
  assert.deepEqual(mem0.memories.map(({ memory }) => memory).sort(), ["one", "three", "two"]);
});

Deno.test("what a tool was asked to remember is recalled with and without mem0", async () => {
  await using mem0 = Mem0Server.start("hosted");
  await using gateway = await TestGateway.start({ config: config(mem0, "hosted") });
  await using adapter = await gateway.connect();
  gateway.llm.reply(
    { toolCalls: [{ name: "remember", arguments: { text: "Ada has a cat" } }] },
    { text: "Noted." },
  );
  await adapter.replyTo(adapter.say("Remember my cat", server));
  for (const broken of [false, true]) {
    if (broken) mem0.fail({ applies: isSearch, status: 500 });
    const index = gateway.llm.requests.length;
    await adapter.replyTo(adapter.say("What pet have I?", server));
    assert.match(system(gateway.llm.requests[index]!), /Ada has a cat/);
  }
});

Deno.test("an unreachable mem0 does not stop a turn, and /health does not reveal its address", async () => {
  const mem0 = { baseUrl: "http://127.0.0.1:9", api: "self-hosted", timeoutMs: 60_000 } as const;
  await using gateway = await TestGateway.start({ config: { memory: { kind: "mem0", mem0 } } });
  await using adapter = await gateway.connect();
  const { terminal } = await adapter.replyTo(adapter.say("Hello", dm));
  assert.equal(terminal.content, "Hello");
  const { state, last_error } = await memoryHealth(gateway);
  assert.deepEqual([state, last_error], ["down", "Cannot search mem0: no connection"]);
});
