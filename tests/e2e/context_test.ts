/** What the model is shown for a message: persona, origin and history. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { type ChatMessage, textOf } from "../support/llm/chat_request.ts";
import { TempFolder } from "../support/process/temp_folder.ts";
import { TestGateway } from "../support/test_gateway.ts";

/** The messages of a request to the model, without the system prompt. */
function said(gateway: TestGateway, request = -1): readonly string[] {
  return messages(gateway, request).slice(1).map(textOf);
}

function messages({ llm }: TestGateway, request = -1): readonly ChatMessage[] {
  return llm.requests.at(request)!.body.messages;
}

Deno.test("the system prompt contains the persona file and the message's origin", async () => {
  await using folder = new TempFolder();
  const personaFile = join(folder.path, "persona.md");
  await Deno.writeTextFile(personaFile, "You are Käthe.\n\n");
  await using gateway = await TestGateway.start({ config: { personaFile } });
  await using adapter = await gateway.connect({ dialect: "clara-py", platform: "discord" });
  const minute = () => `${new Date().toISOString().slice(0, 16)}Z`;
  const before = minute();
  await adapter.replyTo(adapter.say("Hello", {
    user: { id: "u-1", platform_id: "1", name: "ada", display_name: "Ada\n# Lovelace" },
    channel: { id: "c-1", type: "server", name: "general", guild_id: "g-1", guild_name: "Engines" },
    reply_chain: [{ role: "user", content: "Hm", user_id: "u-2", user_name: "Bob" }],
  }));
  const [system] = messages(gateway);
  assert.equal(system!.role, "system");
  const lines = textOf(system!).split("\n");
  const time = lines.splice(3, 1)[0]!.replace("Time: ", "");
  assert.ok([before, minute()].includes(time), time);
  assert.deepEqual(lines, [
    "You are Käthe.",
    "",
    "# Context",
    "Platform: discord",
    "Channel: general (c-1), in a server",
    "Server: Engines",
    "User: Ada # Lovelace (u-1)",
    "Participants: Ada # Lovelace, Bob",
  ]);
});

Deno.test("in a channel with several people the model is told who speaks", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.when(() => true, { text: "Hi" });
  const group = { channelId: "g", channel_type: "group" };
  await adapter.replyTo(adapter.say("I am here", { ...group, userId: "1", user_name: "Ada" }));
  await adapter.replyTo(adapter.say("Me too", { ...group, userId: "2", user_name: "Bob" }));
  await adapter.replyTo(adapter.say("And I", { ...group, userId: "3" }));
  assert.deepEqual(said(gateway), ["Ada: I am here", "Hi", "Bob: Me too", "Hi", "3: And I"]);
  assert.match(textOf(messages(gateway)[0]!), /Participants: 3, Bob, Ada$/m);
});

Deno.test("in a direct message the speaker is not named", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("Hello", { channel_type: "dm", user_name: "Ada" }));
  assert.deepEqual(said(gateway), ["Hello"]);
  assert.match(textOf(messages(gateway)[0]!), /Channel: channel-1, a direct message\nUser: Ada/);
});

Deno.test("history fills its budget with the newest lines, starting at a user's", async () => {
  // A line is 25 tokens and 4 of overhead: three fit, and the oldest of them is not a user's.
  await using gateway = await TestGateway.start({ config: { limits: { historyTokens: 100 } } });
  await using adapter = await gateway.connect();
  const line = (word: string) => word + " and".repeat(24);
  for (const word of ["one", "two", "three"]) await adapter.replyTo(adapter.say(line(word)));
  await adapter.replyTo(adapter.say("Now"));
  assert.deepEqual(said(gateway), [line("three"), line("three"), "Now"]);
});

Deno.test("a quoted message is shown unless history already shows it", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply({ text: "Known answer" });
  await adapter.replyTo(adapter.say("Known question"));
  await adapter.replyTo(adapter.say("About that", {
    reply_chain: [
      { role: "user", content: "Known question" },
      { role: "user", content: "Old question" },
      { role: "assistant", content: "Old answer" },
    ],
  }));
  const shown = messages(gateway).slice(1).map((message) => [message.role, textOf(message)]);
  assert.deepEqual(shown, [
    ["user", "Known question"],
    ["assistant", "Known answer"],
    ["user", "Old question"],
    ["assistant", "Old answer"],
    ["user", "About that"],
  ]);
});

Deno.test("attachments: text is inlined, an image is a part, other files are named", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const image = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
  await adapter.replyTo(adapter.say("See these", {
    attachments: [
      { type: "text", filename: "a.txt", content: "Text of a" },
      { type: "file", filename: "b.csv", media_type: "text/csv", base64_data: btoa("x,y") },
      { type: "file", filename: "c.zip", media_type: "application/zip", size: 12 },
      { type: "image", filename: "d.png", media_type: "image/png", base64_data: image },
    ],
  }));
  const parts = messages(gateway).at(-1)!.content;
  assert.deepEqual(parts, [
    {
      type: "text",
      text: [
        "See these",
        '<attachment filename="a.txt">\nText of a\n</attachment>',
        '<attachment filename="b.csv">\nx,y\n</attachment>',
        "[file: c.zip, application/zip, 12 bytes; its content is not shown]",
        "[image: d.png]",
      ].join("\n\n"),
    },
    { type: "image_url", image_url: { url: `data:image/gif;base64,${image}` } },
  ]);
  await adapter.replyTo(adapter.say("And?"));
  assert.match(said(gateway)[0]!, /Text of a/);
});

Deno.test("a thread has its own history", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.when(() => true, { text: "Yes" });
  await adapter.replyTo(adapter.say("In the channel"));
  await adapter.replyTo(adapter.say("In a thread", { thread_id: "t-1" }));
  await adapter.replyTo(adapter.say("In it again", { thread_id: "t-1" }));
  assert.deepEqual(said(gateway), ["In a thread", "Yes", "In it again"]);
  assert.match(textOf(messages(gateway)[0]!), /^Thread: t-1$/m);
  await adapter.replyTo(adapter.say("In the channel again"));
  assert.deepEqual(said(gateway), ["In the channel", "Yes", "In the channel again"]);
});

Deno.test("history survives a restart", async () => {
  await using gateway = await TestGateway.start();
  const before = await gateway.connect();
  await before.replyTo(before.say("Remember the shed"));
  await before.close();
  await gateway.restart();
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("What?"));
  assert.deepEqual(said(gateway), ["Remember the shed", "Remember the shed", "What?"]);
  const starts = gateway.events.items.filter(({ name }) => name === "session:start");
  assert.equal(starts.length, 1);
});

Deno.test("after a long silence a new session starts without the old history", async () => {
  const sessionIdleMs = 20;
  await using gateway = await TestGateway.start({ config: { sessionIdleMs } });
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("Long ago", { userId: "u-1" }));
  const { at } = await gateway.waitFor("message:sent");
  // The gateway compares wall-clock times, so real time must pass.
  while (Date.now() <= at.getTime() + sessionIdleMs) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await adapter.replyTo(adapter.say("Hello again", { userId: "u-1" }));
  assert.deepEqual(said(gateway), ["Hello again"]);
  const sessions = gateway.events.items.filter(({ name }) => name.startsWith("session:"));
  assert.deepEqual(sessions.map(({ name }) => name), [
    "session:start",
    "session:timeout",
    "session:end",
    "session:start",
  ]);
  const ids = sessions.map(({ data }) => (data as { readonly session_id: string }).session_id);
  assert.equal(new Set(ids.slice(0, 3)).size, 1);
  assert.notEqual(ids[3], ids[0]);
});
