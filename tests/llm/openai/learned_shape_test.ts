/** The client leaves out a refused part of a request, logs it once and remembers it. */

import assert from "node:assert/strict";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import type { LlmEvent, LlmRequest } from "../../../src/llm/client.ts";
import { readModels } from "../../../src/llm/models_file.ts";
import { OpenAiClient } from "../../../src/llm/openai/client.ts";
import type { ChatRequest } from "../../support/llm/chat_request.ts";
import type { Reply } from "../../support/llm/reply.ts";
import { LlmServer } from "../../support/llm/server.ts";
import { ModelsFolder } from "../../support/models_folder.ts";

const tool = { name: "f", description: "", parameters: { type: "object", properties: {} } };
const hello: LlmRequest = {
  tier: "mid",
  messages: [{ role: "system", content: "Be brief." }, { role: "user", content: "Hello" }],
  tools: [tool],
};
const image = "data:image/png;base64,iVBORw0KGgo=";
const withImage: LlmRequest = {
  ...hello,
  messages: [{
    role: "user",
    content: [{ type: "text", text: "See" }, { type: "image", url: image }],
  }],
};

/** A client with one model behind a scripted server, and what it logs. */
class Scene implements AsyncDisposable {
  readonly llm = LlmServer.start();
  readonly log: LogRecord[] = [];
  readonly #folder: ModelsFolder;
  #client?: OpenAiClient;

  constructor(model: object = {}) {
    this.#folder = new ModelsFolder({ m: { server: this.llm, model } });
  }

  async ask(request: LlmRequest = hello): Promise<readonly LlmEvent[]> {
    const client = this.#client ??= await this.#start();
    return await Array.fromAsync(client.stream(request, new AbortController().signal));
  }

  async #start(): Promise<OpenAiClient> {
    await configure({
      reset: true,
      sinks: { list: (record) => this.log.push(record) },
      loggers: [
        { category: ["clara"], sinks: ["list"], lowestLevel: "info" },
        { category: ["logtape", "meta"], sinks: [] },
      ],
    });
    const catalog = await readModels({
      ...this.#folder.config,
      environment: () => undefined,
      llm: {
        model: "m",
        tierModels: {},
        fallbacks: [],
        showReasoning: false,
        autoTier: false,
        stallMs: 5_000,
        totalMs: 10_000,
      },
    });
    return new OpenAiClient({ catalog: catalog! });
  }

  get bodies(): readonly ChatRequest[] {
    return this.llm.requests.map(({ body }) => body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.llm[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
    await reset();
  }
}

const refusing = (message: string, status = 400): Reply => ({
  status,
  body: { error: { message, type: "invalid_request_error", param: null, code: null } },
});

Deno.test("a refused parameter is left out from then on, and logged once", async () => {
  await using scene = new Scene();
  scene.llm.when(
    ({ stream_options }) => stream_options !== undefined,
    refusing("Unrecognized request argument supplied: stream_options"),
  );
  for (let time = 0; time < 3; time++) await scene.ask();
  const sent = scene.bodies.map(({ stream_options }) => stream_options !== undefined);
  assert.deepEqual(sent, [true, false, false, false]);
  const lines = scene.log.filter(({ properties }) => properties.part === "stream_options");
  assert.equal(lines.length, 1);
  assert.equal(lines[0]!.level, "warning");
  assert.equal(scene.log.length, 1, "a refusal that was answered is no failure");
});

Deno.test("several refused parameters are left out one after the other", async () => {
  await using scene = new Scene({ temperature: 0.2, max_output: 500, reasoning: "low" });
  for (const name of ["temperature", "max_completion_tokens", "reasoning_effort"]) {
    scene.llm.when(
      (body) => body[name] !== undefined,
      refusing(`Unsupported parameter: '${name}' is not supported with this model.`),
    );
  }
  await scene.ask();
  assert.equal(scene.bodies.length, 4);
  const last = scene.bodies.at(-1)!;
  assert.equal(last.max_tokens, 500, "the other name of the limit is tried");
  await scene.ask();
  assert.equal(scene.bodies.length, 5);
});

Deno.test("a limit whose value is refused is left out under both of its names", async () => {
  await using scene = new Scene({ max_output: 500_000 });
  scene.llm.when(({ max_tokens }) => max_tokens !== undefined, refusing("max_tokens is too large"));
  await scene.ask();
  assert.equal(scene.bodies.length, 2);
  assert.equal(scene.bodies[1]!.max_completion_tokens, undefined);
});

Deno.test("what did not help is not remembered", async () => {
  await using scene = new Scene();
  const refusal = refusing("Unsupported parameter: 'tools' is not supported with this model.");
  scene.llm.reply(refusal, refusing("Something else is wrong"));
  await assert.rejects(scene.ask());
  await scene.ask();
  assert.deepEqual(scene.bodies.map(({ tools }) => tools !== undefined), [true, false, true]);
  assert.ok(!scene.log.some(({ properties }) => properties.part));
});

Deno.test("a model without tools gets the conversation as text", async () => {
  await using scene = new Scene();
  scene.llm.when(({ tools }) => tools !== undefined, refusing("m does not support tools"));
  const call = { id: "c1", name: "f", arguments: "{}" };
  await scene.ask({
    ...hello,
    messages: [
      { role: "user", content: "Do it" },
      { role: "assistant", content: "", toolCalls: [call] },
      { role: "tool", callId: "c1", content: "done" },
    ],
  });
  const { messages } = scene.bodies.at(-1)!;
  assert.deepEqual(messages.map(({ role }) => role), ["user", "assistant", "user"]);
  assert.match(JSON.stringify(messages), /Called f .*Result of f: done/);
});

Deno.test("one tool with a bad schema does not cost the others", async () => {
  await using scene = new Scene();
  const bad = { ...tool, name: "bad" };
  scene.llm.when(
    ({ tools }) => tools?.some(({ function: { name } }) => name === "bad") ?? false,
    refusing("Invalid schema for function 'bad': array schema missing items."),
  );
  await scene.ask({ ...hello, tools: [tool, bad] });
  await scene.ask({ ...hello, tools: [tool, bad] });
  const names = scene.bodies.map(({ tools }) => tools!.map(({ function: { name } }) => name));
  assert.deepEqual(names, [["f", "bad"], ["f"], ["f"]]);
});

Deno.test("a model that sees no images gets a note from then on", async () => {
  await using scene = new Scene();
  const hasImage = (body: ChatRequest) => JSON.stringify(body.messages).includes("image_url");
  scene.llm.when(hasImage, refusing("No endpoints found that support image input", 404));
  await scene.ask(withImage);
  await scene.ask(withImage);
  assert.deepEqual(scene.bodies.map(hasImage), [true, false, false]);
  assert.match(JSON.stringify(scene.bodies.at(-1)!.messages), /This model cannot see images/);
});

for (
  const words of [
    "You uploaded an unsupported image. Please make sure your image is valid.",
    "Image does not match the provided media type image/png",
    "Unable to process input image. Please retry or report.",
    "Unsupported MIME type: image/bmp",
    "The image length and width do not meet the model restrictions.",
    "messages.0.content.0.image.source.base64: image exceeds 5 MB maximum",
  ]
) {
  Deno.test(`one broken image does not take away everybody's: ${words}`, async () => {
    await using scene = new Scene();
    scene.llm.reply(refusing(words));
    await scene.ask(withImage);
    await scene.ask(withImage);
    const had = scene.bodies.map((body) => JSON.stringify(body.messages).includes("image_url"));
    assert.deepEqual(had, [true, false, true]);
    assert.match(JSON.stringify(scene.bodies[1]!.messages), /could not read it/);
    assert.equal(scene.log.length, 0);
  });
}

Deno.test("calls of another model become text for a model that misses its own fields", async () => {
  await using scene = new Scene();
  scene.llm.when(
    ({ messages }) => messages.some(({ tool_calls }) => tool_calls),
    refusing("thinking is enabled but reasoning_content is missing in assistant tool call message"),
  );
  const call = { id: "c1", name: "f", arguments: "{}" };
  const messages: LlmRequest["messages"] = [
    { role: "user", content: "Do it" },
    { role: "assistant", content: "Sure.", toolCalls: [call], origin: { model: "other" } },
    { role: "tool", callId: "c1", content: "done" },
  ];
  await scene.ask({ ...hello, messages });
  const last = scene.bodies.at(-1)!;
  assert.ok(last.tools, "the tools stay on offer");
  assert.deepEqual(last.messages.map(({ role }) => role), ["user", "assistant", "user"]);
});

Deno.test("an outage changes nothing about later requests", async () => {
  await using scene = new Scene();
  scene.llm.reply(
    refusing("Unexpected error while streaming with tools: image service unavailable", 500),
  );
  await scene.ask();
  assert.deepEqual(
    scene.bodies.map(({ tools, stream }) => [tools !== undefined, stream]),
    [[true, true], [true, true]],
  );
});

Deno.test("models.yaml says what to leave out and which values to send", async () => {
  await using scene = new Scene({
    leave_out: ["stream_options", "system", "tool_choice"],
    temperature: 0.3,
    parallel_tool_calls: false,
  });
  await scene.ask();
  const [body] = scene.bodies;
  assert.equal(body!.stream_options, undefined);
  assert.equal(body!.temperature, 0.3);
  assert.equal(body!.parallel_tool_calls, false);
  assert.deepEqual(body!.messages, [{ role: "user", content: "Be brief.\n\nHello" }]);
});

Deno.test("models.yaml can switch off streaming", async () => {
  await using scene = new Scene({ leave_out: ["stream"] });
  scene.llm.reply({ text: "Whole", toolCalls: [{ name: "f", arguments: {} }] });
  const events = await scene.ask();
  assert.equal(scene.bodies[0]!.stream, false);
  assert.deepEqual(events.map(({ type }) => type), ["text", "tool_call", "finish"]);
});
