/** A server process: messages as lines, its log, and its end. */

import assert from "node:assert/strict";
import { GuardedStdioTransport } from "../../../src/tools/mcp/stdio_transport.ts";
import { within } from "../../support/deadline.ts";
import { exited } from "../../support/process/processes.ts";
import { AwaitableList } from "../../support/awaitable_list.ts";

/** Starts a shell script as a server. */
async function start(script: string, maxMessageBytes = 1 << 20) {
  const messages = new AwaitableList<unknown>();
  const errors = new AwaitableList<Error>();
  const log = new AwaitableList<string>();
  const transport = new GuardedStdioTransport({
    command: "sh",
    args: ["-c", script],
    env: { PATH: Deno.env.get("PATH") ?? "" },
    maxMessageBytes,
    onLog: (line) => log.add(line),
  });
  const closed = Promise.withResolvers<void>();
  transport.onmessage = (message: unknown) => messages.add(message);
  transport.onerror = (error) => errors.add(error);
  transport.onclose = () => closed.resolve();
  await transport.start();
  const ended = () => within(closed.promise, { what: "the end of the server" });
  return { transport, messages, errors, log, ended };
}

Deno.test("each line is a message, however it is split", async () => {
  const server = await start(`printf '{"a":'; printf '"ü"}\\n\\n{"b"'; printf ':2}\\nnonsense\\n'`);
  await server.ended();
  assert.deepEqual(server.messages.items, [{ a: "ü" }, { b: 2 }]);
  assert.match(server.errors.items[0]!.message, /the server wrote invalid JSON: nonsense/);
  assert.equal(server.transport.closeReason, "it ended with code 0");
});

Deno.test("a message is sent as one line", async () => {
  const server = await start("head -n 1");
  await server.transport.send({ text: "two\nlines" });
  await server.ended();
  assert.deepEqual(server.messages.items, [{ text: "two\nlines" }]);
});

Deno.test("a long line of the log is cut, and the next one is complete", async () => {
  const server = await start(`{ printf '%05000d\\n' 7; echo next; } >&2`);
  await server.ended();
  assert.equal(server.log.items[0]!.length, 2_000);
  assert.equal(server.log.items.at(-1), "next");
});

Deno.test("a message that is too long ends the server", async () => {
  const server = await start("yes | tr -d '\\n'", 100_000);
  await server.ended();
  assert.equal(
    server.transport.closeReason,
    "it was ended because a message exceeded 100000 bytes",
  );
  await exited(server.transport.pid!, 1_000);
});

Deno.test("sending to a server that has ended says how it ended", async () => {
  const server = await start("exit 7");
  await server.ended();
  await assert.rejects(server.transport.send({}), /it ended with code 7/);
});

Deno.test("closing ends the whole process group, even processes that ignore SIGTERM", async () => {
  const server = await start(`trap "" TERM
    sleep 100 & echo $!
    while :; do sleep 100; done`);
  const child = Number(await server.messages.waitFor(() => true));
  await within(server.transport.close(), { what: "the end of close" });
  await exited(child, 1_000);
  await exited(server.transport.pid!, 1_000);
});

Deno.test("when the command ends, the rest of its process group is killed", async () => {
  const server = await start("sleep 100 & echo $!; exit 0");
  const child = Number(await server.messages.waitFor(() => true));
  await server.ended();
  await exited(child, 1_000);
});
