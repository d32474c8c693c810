/**
 * A whole conversation with each provider: a message, two rounds of tools, the answer; what the provider refuses,
 * wants back and reports; and what its errors lead to.
 */

import assert from "node:assert/strict";
import type { Meaning } from "../../src/llm/openai/failure_rules.ts";
import type { RequestPart } from "../../src/llm/openai/request_shape.ts";
import { AdapterClient } from "../support/adapter/client.ts";
import { providerErrors } from "../support/llm/providers/errors.ts";
import { gatewayProviders } from "../support/llm/providers/gateways.ts";
import { hostedProviders } from "../support/llm/providers/hosted.ts";
import { localProviders } from "../support/llm/providers/local.ts";
import type { ModelAnswer, ProviderProfile, Refusal } from "../support/llm/providers/profile.ts";
import { ProviderServer } from "../support/llm/providers/server.ts";
import { ModelsFolder } from "../support/models_folder.ts";
import { startGateway } from "../support/process/gateway_process.ts";
import { TempFolder } from "../support/process/temp_folder.ts";
import { TestGateway } from "../support/test_gateway.ts";

const clock = (timezone: string) => ({ name: "current_time", arguments: { timezone } });
const turn: readonly ModelAnswer[] = [
  {
    reasoning: "SECRET: two cities, two calls.",
    text: "Let me look.",
    calls: [clock("Asia/Tokyo"), clock("Europe/Paris")],
    usage: { input: 100, output: 20 },
  },
  {
    reasoning: "SECRET: and a third.",
    calls: [clock("America/Lima")],
    usage: { input: 200, output: 10 },
  },
  { reasoning: "SECRET: done.", text: "Tokyo is ahead.", usage: { input: 300, output: 30 } },
];
const short: ModelAnswer = { text: "Yes.", usage: { input: 10, output: 1 } };
const image = {
  type: "image",
  filename: "a.png",
  media_type: "image/png",
  base64_data:
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
};

/** A gateway whose only model is this provider's. */
class Scene implements AsyncDisposable {
  readonly server: ProviderServer;
  readonly folder: ModelsFolder;
  readonly #stack = new AsyncDisposableStack();
  adapter!: AdapterClient;

  static async start(profile: ProviderProfile): Promise<Scene> {
    const scene = new Scene(profile);
    const gateway = scene.#stack.use(
      await TestGateway.start({ llm: "echo", config: scene.folder.config }),
    );
    scene.adapter = scene.#stack.use(await gateway.connect());
    return scene;
  }

  constructor({ headers, model, ...profile }: ProviderProfile) {
    this.server = this.#stack.use(new ProviderServer({ headers, model, ...profile }));
    const { authorization, accept: _, ...others } = headers;
    const provider = { ...(authorization && { api_key: "test-key" }), headers: others };
    this.folder = this.#stack.use(
      new ModelsFolder(
        { m: { server: this.server, provider, model: { ...model } } },
        { cool_down: { first_seconds: 0.05 } },
      ),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** Which part of a request a refusal was about. */
function refusedParts(server: ProviderServer): readonly string[] {
  return server.requests.filter(({ refusal }) => refusal)
    .map(({ refusal }) => JSON.stringify(refusal!.body));
}

const profiles = [...hostedProviders, ...gatewayProviders, ...localProviders];

for (const profile of profiles) {
  const { name, learns = [], reportsUsage = true } = profile;

  Deno.test(`${name}: a conversation with two rounds of tools`, async () => {
    await using scene = await Scene.start(profile);
    const { server, adapter } = scene;
    server.next(...turn);
    const { frames, terminal } = await adapter.replyTo(adapter.say("What time is it?"));
    assert.equal(terminal.type, "response_end", JSON.stringify([terminal, refusedParts(server)]));
    assert.equal(terminal.content, "Let me look.\n\nTokyo is ahead.");
    assert.equal(terminal.tool_count, 3);
    assert.ok(!JSON.stringify(frames).includes("SECRET"), "reasoning is never shown");
    assert.equal(frames.filter(({ status }) => status === "completed").length, 3);
    const reported = reportsUsage
      ? { input_tokens: 600, output_tokens: 60 }
      : { input_tokens: 0, output_tokens: 0 };
    assert.deepEqual(terminal.usage, reported);
    const refused = refusedParts(server);
    assert.equal(refused.length, learns.length, refused.join("\n"));
    assert.ok(refused.every((text) => !text.includes("STRICT")), refused.join("\n"));

    // What was learned is not tried again; of the last turn only what was said is left.
    server.next(short);
    await adapter.replyTo(adapter.say("Sure?"));
    assert.equal(server.requests.length, 4 + learns.length);
    const last = server.requests.at(-1)!.body;
    assert.ok(!JSON.stringify(last).includes("SECRET"));
    assert.ok(leavesOut(last, learns));
  });

  Deno.test(`${name}: what is wrong with one message stays with it`, async () => {
    await using scene = await Scene.start({ ...profile, refuses: undefined, parameters: all });
    const { server, adapter } = scene;
    const ask = (text: string, options = {}) => adapter.replyTo(adapter.say(text, options));
    for (const error of errorsOf(name, "filtered")) {
      server.next(error, short);
      const { terminal } = await ask("Something bad");
      assert.match(terminal.message!, /content filter/, JSON.stringify(error));
      assert.equal((await ask("Something good")).text, "Yes.");
    }
    for (const error of errorsOf(name, "slip")) {
      server.next(error, short, short);
      assert.equal((await ask("Do it")).text, "Yes.", JSON.stringify(error));
    }
    for (const error of errorsOf(name, "too_long")) {
      server.next(error, short, short);
      await ask(`Long: ${"word ".repeat(3_000)}`);
      server.next(short);
      assert.equal((await ask("Short")).text, "Yes.", JSON.stringify(error));
    }
    for (const error of errorsOf(name, "request")) {
      server.next(error, short);
      await ask("Odd");
      server.next(short);
      assert.equal((await ask("Even")).text, "Yes.", JSON.stringify(error));
    }
  });

  Deno.test(`${name}: an image that is refused costs nobody the model`, async () => {
    for (const error of errorsOf(name, "image")) {
      await using scene = await Scene.start({ ...profile, refuses: undefined, parameters: all });
      const { server, adapter } = scene;
      server.next(error, short, short);
      const see = await adapter.replyTo(adapter.say("See", { attachments: [image] }));
      assert.equal(see.text, "Yes.", JSON.stringify(error));
      const [first, second] = server.requests.map(({ body }) => JSON.stringify(body.messages));
      assert.ok(first!.includes("image_url"));
      assert.match(second!, /An image was attached here/);
      assert.equal((await adapter.replyTo(adapter.say("And now?"))).text, "Yes.");
    }
  });

  Deno.test(`${name}: a wrong key, an unknown model and an outage are told apart`, async () => {
    for (const [meaning, words] of verdicts) {
      const [error] = errorsOf(name, meaning);
      if (!error) continue;
      await using scene = await Scene.start({ ...profile, refuses: undefined, parameters: all });
      const { server, adapter } = scene;
      if (meaning === "busy" || meaning === "down") {
        server.next(error, short);
        const { text } = await adapter.replyTo(adapter.say("Hello"));
        assert.equal(text, "Yes.", `${meaning}: it is asked again`);
        continue;
      }
      server.next(error);
      const { terminal } = await adapter.replyTo(adapter.say("Hello"));
      assert.equal(terminal.code, "llm_unavailable");
      assert.match(terminal.message!, words);
      assert.equal(server.requests.length, 1);
    }
  });
}

const verdicts: readonly (readonly [Meaning, RegExp])[] = [
  ["key", /refused the gateway's key/],
  ["model", /knows no model/],
  ["quota", /is used up/],
  ["busy", /./],
  ["down", /./],
];
/** For a provider that refuses no parameter. */
const all = [
  "stream_options",
  "tool_choice",
  "temperature",
  "max_tokens",
  "max_completion_tokens",
  "parallel_tool_calls",
  "reasoning_effort",
];

/** The provider's errors of one meaning; status 200 stands for an error inside a stream. */
function errorsOf(name: string, meaning: Meaning): readonly Refusal[] {
  return providerErrors[name]!.filter((known) => known.meaning === meaning)
    .map(({ status = 200, body }) => ({ status, body }));
}

/** Whether a request has none of these parts. */
function leavesOut(
  body: Readonly<Record<string, unknown>>,
  parts: readonly RequestPart[],
): boolean {
  return parts.every((part) => body[part] === undefined);
}

for (const name of ["Moonshot", "Google", "DeepSeek"]) {
  Deno.test(`${name} takes over in the middle of a turn that another model began`, async () => {
    const profile = profiles.find((profile) => profile.name === name)!;
    await using first = new ProviderServer(profiles.find(({ name }) => name === "OpenAI")!);
    await using second = new ProviderServer(profile);
    const provider = { api_key: "test-key" };
    await using folder = new ModelsFolder({
      first: { server: first, provider },
      second: { server: second, provider },
    });
    await using gateway = await TestGateway.start({ llm: "echo", config: folder.config });
    await using adapter = await gateway.connect();
    const odd = { status: 400, body: { error: { message: "Something is odd" } } };
    first.next(turn[0]!, odd, odd);
    second.next(turn[1]!, turn[2]!);
    const { terminal } = await adapter.replyTo(adapter.say("What time is it?"));
    assert.equal(terminal.content, "Let me look.\n\nTokyo is ahead.", JSON.stringify(terminal));
    assert.equal(terminal.model, "second");
    const { body } = second.requests.at(-1)!;
    assert.match(JSON.stringify(body.messages), /Called current_time/, "what the other one did");
    assert.equal(body.messages.filter(({ tool_calls }) => tool_calls).length, 1);
    assert.ok(!JSON.stringify(second.requests).includes("STRICT"));
  });
}

for (const name of ["Moonshot", "Google", "OpenRouter"]) {
  Deno.test(`${name}: its fields are sent back also by a gateway that was killed and restarted`, async () => {
    const profile = profiles.find((profile) => profile.name === name)!;
    await using scene = new Scene(profile);
    const { server } = scene;
    await using data = new TempFolder();
    const start = () =>
      startGateway(server, data, { CLARA_MODELS_CONFIG: scene.folder.modelsFile });
    server.next(turn[0]!, turn[1]!);
    const hanging = server.hang();
    await using killed = await start();
    const before = await AdapterClient.connect({ url: killed.url, nodeId: "a" });
    const id = before.say("What time is it?");
    await hanging;
    await killed.kill();
    await before.close();

    const cut = server.requests.at(-1)!.body;
    server.resume(turn[2]!);
    await using gateway = await start();
    await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId: "a" });
    const { terminal } = await adapter.replyTo(id);
    assert.equal(terminal.content, "Let me look.\n\nTokyo is ahead.", JSON.stringify(terminal));
    const { body } = server.requests.at(-1)!;
    assert.deepEqual(body.messages.slice(1), cut.messages.slice(1));
    assert.ok(/SECRET|thought_signature/.test(JSON.stringify(body)));
  });
}
