/** Starting a new session: with `/new`, by the adapter, daily, or by the operator. */

import assert from "node:assert/strict";
import { textOf } from "../support/llm/chat_request.ts";
import { TestGateway } from "../support/test_gateway.ts";

/** The last messages shown to the model, without the system prompt. */
function said({ llm }: TestGateway): readonly string[] {
  return llm.requests.at(-1)!.body.messages.slice(1).map(textOf);
}

function ends({ events }: TestGateway): readonly string[] {
  return events.items.flatMap(({ name, data }) =>
    name === "session:end" && "reason" in data ? [data.reason] : []
  );
}

Deno.test("/new is answered without the model and clears the conversation", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("My cat is called Momo"));
  const { terminal, text, frames } = await adapter.replyTo(adapter.say(" /new\n"));
  assert.equal(terminal.type, "response_end");
  assert.equal(text, "A new conversation begins.");
  assert.equal(terminal.content, text);
  assert.equal(frames[0]!.model, "gateway");
  assert.deepEqual(terminal.usage, { input_tokens: 0, output_tokens: 0 });
  assert.equal(gateway.llm.requests.length, 1);
  await adapter.replyTo(adapter.say("What is my cat called?"));
  assert.deepEqual(said(gateway), ["What is my cat called?"]);
  assert.deepEqual(ends(gateway), ["reset"]);
  assert.ok(!gateway.events.items.some(({ name }) => name === "session:timeout"));
});

Deno.test("/new ends only the session of its user in its conversation", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.when(() => true, { text: "Yes" });
  const ada = { userId: "ada", channel_type: "group" };
  const bob = { userId: "bob", channel_type: "group" };
  await adapter.replyTo(adapter.say("I am Ada", ada));
  await adapter.replyTo(adapter.say("I am Bob", bob));
  await adapter.replyTo(adapter.say("In a thread", { ...ada, thread_id: "t" }));
  await adapter.replyTo(adapter.say("/new", ada));
  await adapter.replyTo(adapter.say("Who is here?", bob));
  assert.deepEqual(said(gateway), ["bob: I am Bob", "Yes", "bob: Who is here?"]);
  await adapter.replyTo(adapter.say("And here?", { ...ada, thread_id: "t" }));
  assert.deepEqual(said(gateway), ["ada: In a thread", "Yes", "ada: And here?"]);
});

const byAdapter = [
  { name: "the field reset", fields: { reset: true } },
  { name: "metadata.reset", fields: { metadata: { reset: true } } },
  { name: "metadata.reset in clara-py", fields: { metadata: { reset: true } }, py: true },
];
for (const { name, fields, py } of byAdapter) {
  Deno.test(`${name} starts a new session, with or without a message`, async () => {
    await using gateway = await TestGateway.start();
    await using adapter = await gateway.connect(py ? { dialect: "clara-py" } : {});
    await adapter.replyTo(adapter.say("Before"));
    for (const nothing of ["", "/reset"]) {
      const { terminal } = await adapter.replyTo(adapter.say(nothing, fields));
      assert.equal(terminal.full_text ?? terminal.content, "A new conversation begins.");
    }
    assert.equal(gateway.llm.requests.length, 1);
    await adapter.replyTo(adapter.say("Between"));
    await adapter.replyTo(adapter.say("First of another one", fields));
    assert.deepEqual(said(gateway).length, 1);
    assert.match(said(gateway)[0]!, /First of another one$/);
    // The second /reset finds nothing to end.
    assert.deepEqual(ends(gateway), ["reset", "reset"]);
  });
}

Deno.test("/new among other words is a message, and so is /new with an attachment", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("What does /new do?"));
  await adapter.replyTo(adapter.say("/newer"));
  assert.equal(gateway.llm.requests.length, 2);
  const attachments = [{ type: "text", filename: "a.txt", content: "Text" }];
  await adapter.replyTo(adapter.say("/new", { attachments }));
  // It starts a session, and the file goes to the model.
  assert.equal(gateway.llm.requests.length, 3);
  assert.equal(said(gateway).length, 1);
});

Deno.test("the same /new again gets the same answer and ends nothing", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("One"));
  const id = adapter.say("/new");
  await adapter.replyTo(id);
  await adapter.replyTo(adapter.say("Two"));
  const from = adapter.frames.length;
  adapter.say("/new", { requestId: id });
  const { terminal } = await adapter.replyTo(id, { from });
  assert.equal(terminal.content, "A new conversation begins.");
  await adapter.replyTo(adapter.say("Three"));
  assert.deepEqual(said(gateway), ["Two", "Two", "Three"]);
  assert.deepEqual(ends(gateway), ["reset"]);
});

Deno.test("the operator ends a session over HTTP", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("Before"));
  const admin = `${gateway.httpUrl}/admin/sessions`;
  const { sessions } = await (await fetch(admin)).json();
  const end = () => fetch(`${admin}/${sessions[0].id}/end`, { method: "POST" });
  const first = await end();
  assert.deepEqual(await first.json(), { id: sessions[0].id, ended: true });
  const second = await end();
  assert.equal(second.status, 404);
  await second.body?.cancel();
  await adapter.replyTo(adapter.say("After"));
  assert.deepEqual(said(gateway), ["After"]);
  assert.deepEqual(ends(gateway), ["reset"]);
});
