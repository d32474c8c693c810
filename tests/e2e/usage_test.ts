/** Usage and cost of turns: the sums equal what the provider reported, however turns end. */

import assert from "node:assert/strict";
import { AdapterClient } from "../support/adapter/client.ts";
import { type ChatRequest, textOf } from "../support/llm/chat_request.ts";
import { startGateway } from "../support/process/gateway_process.ts";
import type { Reply } from "../support/llm/reply.ts";
import { LlmServer } from "../support/llm/server.ts";
import { sse } from "../support/llm/wire.ts";
import { ModelsFolder } from "../support/models_folder.ts";
import { TempFolder } from "../support/process/temp_folder.ts";
import { TestGateway } from "../support/test_gateway.ts";

const prices = {
  main: { input: 2.5, cached: 0.25, output: 10 },
  backup: { input: 0.3, cached: 0.3, output: 0.9 },
  small: { input: 0.05, cached: 0.005, output: 0.4 },
} as const;
type ModelName = keyof typeof prices;

interface Sums {
  requests: number;
  input_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  nanos: number;
}

/** Sums by key: `user:…`, `channel:…`, `model:…`, `total`. */
class Ledger {
  readonly sums = new Map<string, Sums>();

  add(key: string, { requests, input_tokens, cached_tokens, output_tokens, nanos }: Sums): void {
    const found = this.sums.get(key) ??
      { requests: 0, input_tokens: 0, cached_tokens: 0, output_tokens: 0, nanos: 0 };
    found.requests += requests;
    found.input_tokens += input_tokens;
    found.cached_tokens += cached_tokens;
    found.output_tokens += output_tokens;
    found.nanos += nanos;
    this.sums.set(key, found);
  }
}

type Row = Readonly<Record<keyof Sums | "key", number | string>> & {
  readonly cost: number;
  readonly estimated: Omit<Row, "key" | "estimated">;
};

/** The columns of a row that are not estimates. */
function reported({ estimated, ...row }: Row): Sums {
  const part = (name: "requests" | "input_tokens" | "cached_tokens" | "output_tokens") =>
    Number(row[name]) - Number(estimated[name]);
  return {
    requests: part("requests"),
    input_tokens: part("input_tokens"),
    cached_tokens: part("cached_tokens"),
    output_tokens: part("output_tokens"),
    nanos: Math.round(row.cost * 1e9) - Math.round(estimated.cost * 1e9),
  };
}

/** A provider that answers as the message asks and keeps its own records. */
function recordingProvider() {
  const ledger = new Ledger();
  let count = 0;
  const record = (request: ChatRequest, reply: Reply): Reply => {
    const n = ++count;
    const [, user, channel] = words(request);
    const model = request.model as ModelName;
    const [input, cached, output] = [1000 + n * 7 % 900, n * 13 % 500, 1 + n * 11 % 300];
    const usage = {
      prompt_tokens: input,
      completion_tokens: output,
      prompt_tokens_details: { cached_tokens: cached },
    };
    const { input: perInput, cached: perCached, output: perOutput } = prices[model];
    const dollarsTimesMillion = (input - cached) * perInput + cached * perCached +
      output * perOutput;
    const sums = {
      requests: 1,
      input_tokens: input,
      cached_tokens: cached,
      output_tokens: output,
      nanos: Math.round(dollarsTimesMillion * 1000),
    };
    for (const key of [`user:${user}`, `channel:${channel}`, `model:${model}`, "total"]) {
      ledger.add(key, sums);
    }
    return { ...reply, usage };
  };
  return { ledger, record };
}

/** "kind user channel", as in the test's messages. */
function words({ messages }: ChatRequest): readonly string[] {
  const said = messages.map(textOf).findLast((text) => /user-\d+ channel-\d+/.test(text))!;
  return [...said.matchAll(/(\w+) (user-\d+) (channel-\d+)/g)].at(-1)!.slice(1);
}

const kinds = [
  "plain",
  "tool",
  "plain",
  "long",
  "refused",
  "other",
  "cut",
  "plain",
  "cancel",
  "busy",
] as const;

/** How the models answer a kind of message; only recorded usage was reported. */
function script(record: (request: ChatRequest, reply: Reply) => Reply) {
  const busy = new Set<string>();
  return (request: ChatRequest): Reply => {
    const [kind, user, channel] = words(request);
    const { model, messages } = request;
    if (model === "small") return record(request, { text: "mid" });
    const last = messages.at(-1)!;
    switch (kind) {
      case "tool":
        return last.role === "tool"
          ? record(request, { text: "It is late" })
          : record(request, { toolCalls: [{ name: "current_time", arguments: {} }] });
      case "long":
        return textOf(last).startsWith("Your last message was cut off")
          ? record(request, { text: " and the rest" })
          : record(request, { text: "The first part", finish: "length" });
      case "refused":
        return record(request, { refusal: "No." });
      case "other":
        return model === "main" ? { status: 422 } : record(request, { text: "From the backup" });
      case "cut":
        return { text: "Half an ans", cut: true };
      case "cancel":
        return { text: "Going on and on", hang: "mid-stream" };
      case "busy": {
        const key = `${user} ${channel} ${messages.length} ${textOf(last)}`;
        if (busy.has(key)) return record(request, { text: "Now" });
        busy.add(key);
        return { status: 429, headers: { "retry-after-ms": "1" } };
      }
      default:
        return record(request, { text: "Sure" });
    }
  };
}

const terminals: Readonly<Record<string, string>> = {
  refused: "error",
  cut: "error",
  cancel: "cancelled",
};

/** Runs one turn after the other in one channel. */
async function talk(adapter: AdapterClient, channel: number, turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    const kind = kinds[(turn + channel) % kinds.length]!;
    const [userId, channelId] = [`user-${turn % 4}`, `channel-${channel}`];
    const id = adapter.say(`${kind} ${userId} ${channelId} #${turn}`, { userId, channelId });
    if (kind === "cancel") {
      await adapter.waitFor(({ type, request_id }) =>
        type === "response_chunk" && request_id === id
      );
      adapter.cancel(id);
    }
    const { terminal } = await adapter.replyTo(id, { timeoutMs: 30_000 });
    assert.equal(terminal.type, terminals[kind] ?? "response_end", `${kind} ${terminal.message}`);
  }
}

Deno.test("after a thousand mixed turns the sums are what the provider reported", async () => {
  const { ledger, record } = recordingProvider();
  await using server = LlmServer.start({ script: script(record) });
  const of = (model: ModelName) => ({ server, model: { price: prices[model] } });
  await using folder = new ModelsFolder(
    { main: of("main"), backup: of("backup"), small: of("small") },
    { tiers: { mid: ["main", "backup"], low: "small" } },
  );
  await using gateway = await TestGateway.start({
    llm: server,
    config: { ...folder.config, llm: { autoTier: true }, limits: { historyTokens: 8000 } },
  });
  await using adapter = await gateway.connect({ platform: "test" });
  const [channels, turns] = [20, 50];
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: channels }, (_, at) => talk(adapter, at, turns)));
  console.log(`  1000 turns in ${Math.round(performance.now() - startedAt)} ms`);

  const view = async (by: string) => {
    const response = await fetch(`${gateway.httpUrl}/admin/usage?by=${by}`);
    assert.equal(response.status, 200);
    return await response.json() as { readonly rows: readonly Row[]; readonly total: Row };
  };
  for (const by of ["user", "channel", "model"] as const) {
    const { rows, total } = await view(by);
    const prefix = by === "model" ? "" : "test:";
    const expected = [...ledger.sums].filter(([key]) => key.startsWith(`${by}:`));
    assert.equal(rows.length, expected.length);
    for (const [key, sums] of expected) {
      const row = rows.find((found) => found.key === prefix + key.slice(by.length + 1));
      assert.deepEqual(row && reported(row), sums, key);
    }
    assert.deepEqual(reported(total), ledger.sums.get("total"));
    // One cut off and one cancelled in each ten: nobody reported their usage.
    assert.equal(total.estimated.requests, 200);
    assert.ok(Number(total.estimated.output_tokens) > 0 && total.estimated.cost > 0);
  }
  const purposes = (await view("purpose")).rows.map(({ key, requests }) => [key, requests]);
  assert.deepEqual(new Map(purposes as [string, number][]).get("tier"), channels * turns);

  const { usage } = await gateway.health() as { usage: Row };
  assert.deepEqual(reported(usage), ledger.sums.get("total"));
  await gateway.restart();
  assert.deepEqual(reported((await view("day")).total), ledger.sums.get("total"));
});

Deno.test("invalid usage figures neither end a turn nor spoil a sum", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const figures = [
    { usage: { prompt_tokens: 10.5, completion_tokens: 2.4 }, told: [11, 2] },
    { usage: { prompt_tokens: 1e300, completion_tokens: 7 }, told: [10_000_000, 7] },
    { usage: { prompt_tokens: 5, completion_tokens: -3 }, told: [5, 0] },
    { usage: { prompt_tokens: "12", completion_tokens: [7] } },
    { usage: "a lot" },
    { usage: { prompt_tokens: 9, prompt_tokens_details: { cached_tokens: 1e9 } }, told: [9, 0] },
  ];
  const expected = [0, 0];
  for (const { usage, told = [0, 0] } of figures) {
    const answer = [
      { choices: [{ index: 0, delta: { content: "Yes" }, finish_reason: "stop" }] },
      { choices: [], usage },
      "[DONE]",
    ];
    gateway.llm.reply({ raw: answer.map(sse) });
    const { terminal } = await adapter.replyTo(adapter.say("Well?"), { timeoutMs: 5_000 });
    assert.equal(terminal.type, "response_end", JSON.stringify(usage));
    expected.forEach((sum, index) => expected[index] = sum + told[index]!);
  }
  const { total } = await (await fetch(`${gateway.httpUrl}/admin/usage`)).json();
  const { requests, input_tokens, output_tokens } = reported(total);
  assert.deepEqual([requests, input_tokens, output_tokens], [4, ...expected]);
  assert.equal(total.estimated.requests, 2, "answers without usage are estimated");
});

Deno.test("turns cancelled or given up before the first word are estimated, including images", async () => {
  await using server = LlmServer.start();
  await using folder = new ModelsFolder({ only: { server, provider: { stall_seconds: 0.3 } } });
  await using gateway = await TestGateway.start({ llm: server, config: folder.config });
  await using adapter = await gateway.connect();
  const sums = async () => {
    const { total } = await (await fetch(`${gateway.httpUrl}/admin/usage`)).json();
    return total.estimated as Row["estimated"];
  };
  server.reply({ hang: "before-headers" });
  assert.equal((await adapter.replyTo(adapter.say("One"))).terminal.code, "llm_timeout");
  const silent = await sums();
  assert.equal(silent.requests, 1);
  assert.ok(Number(silent.input_tokens) > 0);

  server.reply({ hang: "before-headers" });
  const png = {
    type: "image",
    filename: "a.png",
    media_type: "image/png",
    base64_data: "iVBORw0KGgo=",
  };
  const id = adapter.say("Two", { attachments: [png], channelId: "other" });
  await server.request(1);
  adapter.cancel(id);
  await adapter.replyTo(id);
  const cancelled = await sums();
  assert.equal(cancelled.requests, 2);
  assert.ok(Number(cancelled.input_tokens) >= 2 * Number(silent.input_tokens) + 1_400);

  // A provider that refuses or is down has used nothing.
  server.reply({ status: 400 });
  await adapter.replyTo(adapter.say("Three"));
  assert.equal((await sums()).requests, 2);
});

Deno.test("a kill during a turn loses no usage of its earlier tool rounds", async () => {
  await using llm = LlmServer.start();
  await using folder = new TempFolder();
  llm.reply(
    { toolCalls: [{ name: "current_time", arguments: {} }] },
    { text: "It is", hang: "mid-stream" },
    { text: "It is late" },
  );
  await using killed = await startGateway(llm, folder);
  const before = await AdapterClient.connect({ url: killed.url, nodeId: "node-1" });
  const id = before.say("What time is it?");
  await before.waitFor(({ type }) => type === "response_chunk");
  await killed.kill();
  await before.close();
  await using gateway = await startGateway(llm, folder);
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId: "node-1" });
  assert.equal((await adapter.replyTo(id)).terminal.content, "It is late");
  const response = await fetch(`${gateway.httpUrl}/admin/usage`);
  const { total } = await response.json();
  // Only the answer interrupted by the kill could not be recorded.
  assert.deepEqual([total.requests, total.input_tokens, total.output_tokens], [2, 22, 14]);
});

Deno.test("/health reports costs only to those who know the secret, and names no one", async () => {
  const secret = "hidden-secret";
  await using gateway = await TestGateway.start({ config: { secret } });
  await using adapter = await gateway.connect({ secret });
  await adapter.replyTo(adapter.say("Hello"));
  const health = async (headers: Record<string, string>) => {
    const response = await fetch(`${gateway.httpUrl}/health`, { headers });
    assert.equal(response.status, 200);
    return await response.text();
  };
  assert.equal(JSON.parse(await health({})).usage, undefined);
  assert.equal(JSON.parse(await health({ authorization: "Bearer guess" })).usage, undefined);
  const text = await health({ authorization: `Bearer ${secret}` });
  const { usage } = JSON.parse(text);
  assert.deepEqual(usage, {
    day: new Date().toISOString().slice(0, 10),
    requests: 1,
    input_tokens: 11,
    cached_tokens: 0,
    output_tokens: 7,
    cost: 0,
    estimated: { requests: 0, input_tokens: 0, cached_tokens: 0, output_tokens: 0, cost: 0 },
  });
  assert.ok(!text.includes("user-1"), text);
});

Deno.test("/admin/usage rejects unknown parameters and shows the requested days", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("Hello"));
  const ask = (query: string) => fetch(`${gateway.httpUrl}/admin/usage?${query}`);
  for (const query of ["by=colour", "from=yesterday", "to=2026-13-01"]) {
    const response = await ask(query);
    assert.equal(response.status, 400, query);
    assert.ok((await response.json()).error);
  }
  const today = new Date().toISOString().slice(0, 10);
  const all = await (await ask(`from=${today}`)).json();
  assert.equal(all.total.requests, 1);
  const none = await (await ask("to=2020-01-01")).json();
  assert.deepEqual([none.rows, none.total.requests], [[], 0]);
});
