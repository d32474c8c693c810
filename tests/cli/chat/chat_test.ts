/** The terminal adapter as a process, with a pipe for a keyboard. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { within } from "../../support/deadline.ts";
import { Gate } from "../../support/gate.ts";
import { GatewayProcess } from "../../support/process/gateway_process.ts";
import { LlmServer } from "../../support/llm/server.ts";
import { AwaitableList } from "../../support/awaitable_list.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";
import { TestGateway } from "../../support/test_gateway.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** A running `chat`. */
class ChatProcess implements AsyncDisposable {
  readonly exited: Promise<Deno.CommandStatus>;
  /** Everything printed so far; each item extends the last. */
  readonly #screen = new AwaitableList<string>();
  readonly #child: Deno.ChildProcess;
  readonly #folder = new TempFolder();
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #read: Promise<void>;

  constructor(url: string, env: Readonly<Record<string, string>> = {}) {
    const program = ["run", "--allow-all", "--config", join(root, "deno.json")];
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [...program, join(root, "main.ts"), "chat", "--url", url],
      cwd: this.#folder.path,
      env: { NO_COLOR: "1", USER: "ada", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.exited = this.#child.status;
    this.#writer = this.#child.stdin.getWriter();
    this.#read = this.#readAll();
  }

  get screen(): string {
    return this.#screen.items.at(-1) ?? "";
  }

  async type(line: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Ends the input like Ctrl-D. */
  async endInput(): Promise<void> {
    await this.#writer.close();
  }

  /** Resolves when the screen matches. */
  async shows(pattern: RegExp): Promise<void> {
    await this.#screen.waitFor((text) => pattern.test(text), {
      what: `a screen with ${pattern}`,
      timeoutMs: 20_000,
    });
  }

  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  async exitCode(): Promise<number> {
    return (await within(this.exited, { what: "the end of chat" })).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.exited;
    await this.#read;
    await this.#writer.close().catch(() => {});
    await this.#folder[Symbol.asyncDispose]();
  }

  async #readAll(): Promise<void> {
    let text = "";
    for await (const piece of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      this.#screen.add(text += piece);
    }
    this.#screen.end("chat has ended");
  }
}

Deno.test("chat streams a reply, shows tools and files, and ends with its input", async () => {
  await using gateway = await TestGateway.start();
  const gate = new Gate();
  gateway.llm.reply({
    text: "Let me write.",
    toolCalls: [{ name: "create_file", arguments: { filename: "a.md", content: "# A" } }],
  }, { text: ["Here ", "it\u001b[2J is."], gateAfter: { chunks: 1, until: gate.opened } });
  await using chat = new ChatProcess(gateway.url);
  await chat.type("Write it down");
  await chat.shows(
    /clara> Let me write\.\n {2}Writing a\.md …\n {2}✓ Writing a\.md \(\d+ ms\)\n/,
  );
  await chat.shows(/\nHere $/);
  gate.open();
  // Escape sequences in a reply do not reach the terminal.
  await chat.shows(/Here it\[2J is\.\n {2}file: a\.md \(text\/markdown, 3 bytes\)\n/);
  await chat.endInput();
  assert.equal(await chat.exitCode(), 0);
  const { messages } = gateway.llm.requests[0]!.body;
  assert.equal(messages.at(-1)!.content, "Write it down");
  assert.match(String(messages[0]!.content), /Platform: cli\n.*\nUser: ada \(cli-ada\)/);
});

Deno.test("piped lines are answered one after another before chat ends", async () => {
  await using gateway = await TestGateway.start({ llm: "echo" });
  await using chat = new ChatProcess(gateway.url);
  for (const line of ["first words", "", "second words"]) await chat.type(line);
  await chat.endInput();
  assert.equal(await chat.exitCode(), 0);
  const { data } = await gateway.waitFor("adapter:disconnected");
  assert.equal("reason" in data && data.reason, "closed with 1000");
  assert.match(chat.screen, /clara> first words\n[^]*clara> second words\n/);
});

Deno.test("Ctrl-C cancels the turn, and the conversation continues", async () => {
  await using gateway = await TestGateway.start();
  gateway.llm.reply({ text: "Once upon", hang: "mid-stream" });
  await using chat = new ChatProcess(gateway.url);
  await chat.type("Tell me a story");
  await chat.shows(/Once upon/);
  chat.interrupt();
  await chat.shows(/cancelling; press Ctrl-C again to exit\n {2}cancelled\n/);
  await chat.type("Short now");
  await chat.shows(/clara> Short now\n/);
  await chat.endInput();
  assert.equal(await chat.exitCode(), 0);
});

Deno.test("an error is shown, and the conversation continues", async () => {
  await using gateway = await TestGateway.start();
  gateway.llm.reply({ status: 401 });
  await using chat = new ChatProcess(gateway.url);
  await chat.type("Hello");
  await chat.shows(/llm_unavailable: The model's provider refused/);
  await chat.type("Again");
  await chat.shows(/clara> Again\n/);
});

Deno.test("chat exits with code 1 and the reason if its secret is wrong", async () => {
  await using gateway = await TestGateway.start({ config: { secret: "right" } });
  await using chat = new ChatProcess(gateway.url, { CLARA_GATEWAY_SECRET: "wrong" });
  assert.equal(await chat.exitCode(), 1);
  assert.match(chat.screen, /unauthorized: Cannot register: wrong or missing secret/);
});

Deno.test("chat reconnects after a crash of the gateway and gets its reply", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  const env = { OPENAI_API_KEY: "test-key", OPENAI_BASE_URL: llm.url };
  llm.reply({ text: "Half of", hang: "mid-stream" }, { text: "All of the answer" });
  await using killed = await GatewayProcess.start({ dataDir: folder.path, env });
  const { port } = new URL(killed.url);
  await using chat = new ChatProcess(killed.url);
  await chat.type("Hello");
  await chat.shows(/Half of/);
  await killed.kill();
  await chat.shows(/no connection to/);
  await using _gateway = await GatewayProcess.start({
    dataDir: folder.path,
    env,
    args: ["--port", port],
  });
  await chat.shows(/clara> All of the answer\n/);
  await chat.endInput();
  assert.equal(await chat.exitCode(), 0);
  assert.equal(chat.screen.match(/All of the answer/g)!.length, 1);
});
