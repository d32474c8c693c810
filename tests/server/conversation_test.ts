import assert from "node:assert/strict";
import { join } from "node:path";
import { type AccessKey, digestOf, sharedKey } from "../../src/access/authenticator.ts";
import { Authenticator } from "../../src/access/authenticator.ts";
import { MessageRates } from "../../src/access/rates.ts";
import { RegistrationRates } from "../../src/access/rates.ts";
import { GatewayError } from "../../src/domain/errors.ts";
import { EventBus } from "../../src/domain/events.ts";
import type { UserMessage } from "../../src/domain/message.ts";
import type { Submission } from "../../src/queue/intake.ts";
import { Connection } from "../../src/server/connection.ts";
import { AdapterConversation, type ConversationOptions } from "../../src/server/conversation.ts";
import { AdapterRegistry } from "../../src/server/registry.ts";
import { SessionPersister } from "../../src/server/session_persister.ts";
import { McpManager } from "../../src/tools/mcp/manager.ts";
import { clara1Message, claraPyMessage } from "../protocol/frames.ts";
import { Gate } from "../support/gate.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

const figures = { active_requests: 1, queue_length: 2, uptime_seconds: 3 };
const register = {
  type: "register",
  platform: "test",
  node_id: "node-1",
  capabilities: ["approvals"],
};

interface Frame {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The gateway's end of a WebSocket whose peer reads everything at once. */
class FakeSocket extends EventTarget {
  readonly frames: Frame[] = [];
  readonly bufferedAmount = 0;
  readyState: number = WebSocket.OPEN;
  closed?: { readonly code: number; readonly reason: string };

  send(text: string): void {
    this.frames.push(JSON.parse(text));
  }

  close(code: number, reason: string): void {
    this.readyState = WebSocket.CLOSED;
    this.closed = { code, reason };
    queueMicrotask(() => this.dispatchEvent(new CloseEvent("close", { code })));
  }
}

/** An intake that accepts each message when `committed` opens. */
class FakeIntake {
  readonly submitted: UserMessage[] = [];
  readonly cancelled: string[] = [];
  readonly committed = new Gate();
  result: Submission | Error = { type: "queued", position: 4 };
  readonly #accepted = new Set<string>();

  async submit(_: unknown, message: UserMessage): Promise<Submission> {
    this.submitted.push(message);
    await this.committed.opened;
    if (this.result instanceof Error) throw this.result;
    this.#accepted.add(message.requestId);
    return this.result;
  }

  cancelRequest(_: unknown, requestId: string): boolean {
    this.cancelled.push(requestId);
    return this.#accepted.delete(requestId);
  }

  cancelChannel(_: unknown, channelId: string): number {
    this.cancelled.push(channelId);
    return channelId === "busy" ? 2 : 0;
  }
}

interface StageOptions
  extends Partial<Pick<ConversationOptions, "frameBytes" | "messageRates" | "registerTimeoutMs">> {
  readonly keys?: readonly AccessKey[];
  readonly bearer?: string;
}

/** A conversation over a fake socket and with a fake intake; everything else is real. */
class Stage implements AsyncDisposable {
  readonly socket = new FakeSocket();
  readonly intake = new FakeIntake();
  readonly answers: (readonly [string, string, boolean])[] = [];
  readonly attached: string[] = [];
  readonly resent: number[] = [];
  registered = 0;
  readonly registry: AdapterRegistry;
  readonly conversation: AdapterConversation;
  readonly #connection: Connection;
  readonly #folder = new TempFolder();
  readonly #mcp: McpManager;

  constructor({ keys = [], bearer, ...options }: StageOptions = {}) {
    this.intake.committed.open();
    const store = { save: () => Promise.resolve(), sessions: () => Promise.resolve([]) };
    this.registry = new AdapterRegistry({
      events: new EventBus(),
      resumeMs: 1_000_000,
      persister: new SessionPersister({ store }),
      newId: () => "session-1",
    });
    this.#mcp = new McpManager({
      path: join(this.#folder.path, "mcp.json"),
      loginFolder: join(this.#folder.path, "mcp_logins"),
      environment: () => undefined,
      childEnvironment: {},
      maxMessageBytes: 1_000,
      callTimeoutMs: 1_000,
    });
    this.#connection = new Connection(this.socket as unknown as WebSocket, {
      sendBufferBytes: 1_000,
    });
    this.conversation = new AdapterConversation({
      connection: this.#connection,
      peer: { address: "10.0.0.1", bearer },
      onRegistered: () => this.registered++,
    }, {
      registry: this.registry,
      intake: this.intake,
      replies: {
        attach: (nodeId) => Promise.resolve(void this.attached.push(nodeId)),
        resend: (seq) => Promise.resolve(void this.resent.push(seq)),
      },
      approvals: {
        attach: () => {},
        answer: (...answer) => {
          this.answers.push(answer);
          return answer[1] === "pending";
        },
      },
      mcp: this.#mcp,
      authenticator: new Authenticator(keys),
      messageRates: new MessageRates({
        userMessagesPerMinute: 600,
        adapterMessagesPerMinute: 600,
      }),
      registrationRates: new RegistrationRates({ connections: 10 }),
      figures: () => figures,
      frameBytes: 1_000_000,
      heartbeatMs: 30_000,
      registerTimeoutMs: 1_000_000,
      now: () => 0,
      ...options,
    });
  }

  /** Receives a frame; returns the frames that answer it. */
  async receive(frame: unknown): Promise<readonly Frame[]> {
    const before = this.socket.frames.length;
    this.conversation.receive(typeof frame === "string" ? frame : JSON.stringify(frame));
    await this.settle();
    return this.socket.frames.slice(before);
  }

  /** Registers, and drops the answer. */
  async register(fields: object = {}): Promise<void> {
    await this.receive({ ...register, ...fields });
    assert.equal(this.socket.frames.splice(0).at(-1)!.type, "registered");
  }

  /** Waits until all pending promise reactions have run. */
  settle(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.registry.beginShutdown();
    this.#connection.close(1001, "end of test");
    await this.#mcp[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}

function key(scopes: AccessKey["scopes"]): AccessKey {
  return { name: "ops", digest: digestOf("secret"), scopes };
}

Deno.test("an adapter registers and is told its session and the gateway's limits", async () => {
  await using stage = new Stage();
  assert.deepEqual(await stage.receive(register), [{
    type: "registered",
    node_id: "node-1",
    session_id: "session-1",
    resumed: false,
    protocol: 1,
    server_time: "1970-01-01T00:00:00.000Z",
    heartbeat_seconds: 30,
    max_frame_bytes: 1_000_000,
  }]);
  assert.equal(stage.registered, 1);
  assert.deepEqual(stage.attached, ["node-1"]);
  assert.equal(stage.registry.connection("node-1")!.approvals, true);
});

Deno.test("every frame before register is rejected, and the connection stays open", async () => {
  await using stage = new Stage();
  const frames = [
    { type: "ping" },
    { type: "status" },
    { type: "ack", seq: 1 },
    { type: "cancel", request_id: "r" },
    { type: "mcp_list", request_id: "r" },
    clara1Message,
  ];
  for (const frame of frames) {
    const [error, ...others] = await stage.receive(frame);
    assert.equal(error!.code, "not_registered");
    assert.equal(error!.request_id, frame === clara1Message ? "r-1" : null);
    assert.deepEqual(others, []);
  }
  assert.equal(stage.socket.closed, undefined);
  assert.deepEqual(stage.intake.submitted, []);
  await stage.register();
});

Deno.test("a second register is rejected and changes nothing", async () => {
  await using stage = new Stage();
  await stage.register();
  const [error] = await stage.receive({ ...register, node_id: "node-2" });
  assert.equal(error!.code, "invalid_message");
  assert.match(String(error!.message), /belongs to "node-1"/);
  assert.equal(stage.socket.closed, undefined);
  assert.equal(stage.registry.connection("node-2"), undefined);
});

Deno.test("a connection that does not register in time is closed", async () => {
  await using stage = new Stage({ registerTimeoutMs: 1 });
  await new Promise((resolve) => stage.socket.addEventListener("close", resolve));
  assert.equal(stage.socket.frames[0]!.code, "not_registered");
  assert.deepEqual(stage.socket.closed, { code: 4407, reason: "no register" });
  assert.equal(stage.registered, 0);
});

Deno.test("the register time-out ends with the registration", async () => {
  await using stage = new Stage({ registerTimeoutMs: 5 });
  await stage.register();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(stage.socket.closed, undefined);
});

Deno.test("the secret may come in the header or in register", async () => {
  for (const [bearer, secret] of [["secret", undefined], [undefined, "secret"], ["x", "secret"]]) {
    await using stage = new Stage({ keys: [sharedKey("secret")], bearer });
    const [answer] = await stage.receive({ ...register, secret });
    assert.equal(answer!.type, "registered");
  }
});

Deno.test("a wrong, missing or unsuitable secret closes the connection with 4401", async () => {
  const offers = [
    [[sharedKey("secret")], "wrong"],
    [[sharedKey("secret")], undefined],
    [[key(["admin"])], "secret"],
  ] as const;
  for (const [keys, secret] of offers) {
    await using stage = new Stage({ keys });
    const [error] = await stage.receive({ ...register, secret });
    assert.equal(error!.code, "unauthorized");
    assert.deepEqual(stage.socket.closed, { code: 4401, reason: "unauthorized" });
    assert.equal(stage.registered, 0);
    assert.equal(stage.registry.connection("node-1"), undefined);
  }
});

Deno.test("an unknown session is refused, then a new one follows", async () => {
  await using stage = new Stage();
  const frames = await stage.receive({ ...register, session_id: "old", last_seq: 7 });
  assert.deepEqual(frames.map(({ type, code }) => code ?? type), ["invalid_session", "registered"]);
});

Deno.test("binary data is rejected, and the connection stays open", async () => {
  await using stage = new Stage();
  stage.conversation.receive(new ArrayBuffer(1));
  assert.equal(stage.socket.frames[0]!.code, "invalid_message");
  assert.equal(stage.socket.frames[0]!.recoverable, true);
  assert.equal(stage.socket.closed, undefined);
});

Deno.test("a frame over the limit closes the connection with 1009", async () => {
  await using stage = new Stage({ frameBytes: 1_000 });
  await stage.register();
  // Two bytes for each character, and the quotes: just within the limit, then just over it.
  const text = JSON.stringify("é".repeat(499));
  assert.equal((await stage.receive(text))[0]!.code, "invalid_message");
  assert.equal(stage.socket.closed, undefined);
  const [error] = await stage.receive(JSON.stringify("é".repeat(500)));
  assert.equal(error!.code, "frame_too_large");
  assert.deepEqual(stage.socket.closed, { code: 1009, reason: "over 1000 bytes" });
});

Deno.test("a message over the limit is refused under its request id", async () => {
  for (const id of ["request_id", "id"]) {
    await using stage = new Stage({ frameBytes: 1_000 });
    await stage.register();
    const frame = { type: "message", [id]: "r-1", content: "x".repeat(1_000) };
    const [error] = await stage.receive(frame);
    assert.deepEqual([error!.code, error!.request_id], ["frame_too_large", "r-1"]);
  }
});

Deno.test("before register a frame may have 64 KiB", async () => {
  await using stage = new Stage();
  const [error] = await stage.receive({ ...register, metadata: { text: "x".repeat(65_536) } });
  assert.equal(error!.code, "frame_too_large");
  assert.equal(stage.socket.closed!.code, 1009);
});

Deno.test("a flood of frames closes the connection with 4429", async () => {
  await using stage = new Stage();
  await stage.register();
  for (let count = 0; count < 50_000 && !stage.socket.closed; count++) {
    stage.conversation.receive("{");
  }
  assert.deepEqual(stage.socket.closed, { code: 4429, reason: "too many frames" });
  assert.equal(stage.socket.frames.at(-1)!.code, "rate_limited");
});

Deno.test("nothing is handled after the connection is closed", async () => {
  await using stage = new Stage({ frameBytes: 100 });
  await stage.receive("x".repeat(101));
  assert.deepEqual(await stage.receive(register), []);
  assert.equal(stage.registered, 0);
});

Deno.test("invalid JSON and unknown types are answered, and the connection stays open", async () => {
  await using stage = new Stage();
  await stage.register();
  assert.equal((await stage.receive("{"))[0]!.code, "invalid_json");
  const [error] = await stage.receive({ type: "massage", request_id: "r" });
  assert.equal(error!.code, "unknown_type");
  assert.equal(error!.request_id, "r");
  assert.equal(stage.socket.closed, undefined);
});

Deno.test("ping and status are answered", async () => {
  await using stage = new Stage();
  await stage.register();
  const [pong] = await stage.receive({ type: "ping" });
  assert.deepEqual(pong, { type: "pong", timestamp: "1970-01-01T00:00:00.000Z" });
  assert.deepEqual(await stage.receive({ type: "status" }), [{ type: "status", ...figures }]);
});

Deno.test("a registration with metadata and without protocol counts as clara-py", async () => {
  for (
    const [fields, dialect] of [
      [{}, "clara-1"],
      [{ metadata: {} }, "clara-py"],
      [{ metadata: {}, protocol: 1 }, "clara-1"],
    ] as const
  ) {
    await using stage = new Stage();
    assert.equal(stage.conversation.dialect, "clara-1");
    await stage.register(fields);
    assert.equal(stage.conversation.dialect, dialect);
    assert.equal(stage.registry.connection("node-1")!.dialect, dialect);
  }
});

Deno.test("the dialect of a connection is that of its last message", async () => {
  await using stage = new Stage();
  await stage.register();
  await stage.receive(claraPyMessage);
  assert.equal(stage.conversation.dialect, "clara-py");
  await stage.receive(clara1Message);
  assert.equal(stage.conversation.dialect, "clara-1");
});

Deno.test("a waiting message is reported with its position, in its dialect", async () => {
  await using stage = new Stage();
  await stage.register();
  assert.deepEqual(await stage.receive(clara1Message), [
    { type: "status", request_id: "r-1", state: "queued", position: 4, ...figures },
  ]);
  assert.deepEqual(await stage.receive(claraPyMessage), [
    { type: "status", ...figures, queue_length: 4 },
  ]);
  stage.intake.result = { type: "duplicate" };
  assert.deepEqual(await stage.receive(clara1Message), [
    { type: "status", request_id: "r-1", state: "duplicate", ...figures },
  ]);
});

Deno.test("a running message is not reported, and the reply to a finished one is sent again", async () => {
  await using stage = new Stage();
  await stage.register();
  stage.intake.result = { type: "running" };
  assert.deepEqual(await stage.receive(clara1Message), []);
  stage.intake.result = { type: "answered", seq: 7 };
  assert.deepEqual(await stage.receive(clara1Message), []);
  assert.deepEqual(stage.resent, [7]);
});

Deno.test("a rejected message is answered with its error, with details only in clara-1", async () => {
  await using stage = new Stage();
  await stage.register();
  const details = { reason: "channel" };
  stage.intake.result = new GatewayError("queue_full", "full", { recoverable: true, details });
  const error = {
    type: "error",
    request_id: "r-1",
    code: "queue_full",
    message: "full",
    recoverable: true,
  };
  assert.deepEqual(await stage.receive(clara1Message), [{ ...error, details }]);
  assert.deepEqual(await stage.receive(claraPyMessage), [error]);
});

Deno.test("an unexpected error is reported as internal_error without its text", async () => {
  await using stage = new Stage();
  await stage.register();
  stage.intake.result = new Error("the password is 1234");
  const [error] = await stage.receive(clara1Message);
  assert.equal(error!.code, "internal_error");
  assert.doesNotMatch(String(error!.message), /password/);
});

Deno.test("a message over the rate is rejected before it reaches the intake", async () => {
  const messageRates = new MessageRates({ userMessagesPerMinute: 1, adapterMessagesPerMinute: 60 });
  await using stage = new Stage({ messageRates });
  await stage.register();
  await stage.receive(clara1Message);
  const [error] = await stage.receive({ ...clara1Message, request_id: "r-2" });
  assert.equal(error!.code, "rate_limited");
  assert.equal(error!.request_id, "r-2");
  assert.equal(stage.intake.submitted.length, 1);
});

Deno.test("a cancel waits for a message that is still being committed", async () => {
  await using stage = new Stage();
  const committed = new Gate();
  Object.assign(stage.intake, { committed });
  await stage.register();
  await stage.receive(clara1Message);
  assert.deepEqual(await stage.receive({ type: "cancel", request_id: "r-1" }), []);
  assert.deepEqual(stage.intake.cancelled, []);
  committed.open();
  await stage.settle();
  assert.deepEqual(stage.intake.cancelled, ["r-1"]);
  assert.deepEqual(stage.socket.frames.map(({ type }) => type), ["status"]);
});

Deno.test("a cancel without effect is answered with not_found", async () => {
  await using stage = new Stage();
  await stage.register();
  const [unknown] = await stage.receive({ type: "cancel", request_id: "r-9" });
  assert.deepEqual([unknown!.code, unknown!.request_id], ["not_found", "r-9"]);
  const [idle] = await stage.receive({ type: "cancel", channel_id: "idle" });
  assert.deepEqual([idle!.code, idle!.request_id], ["not_found", null]);
  assert.deepEqual(await stage.receive({ type: "cancel", channel_id: "busy" }), []);
});

Deno.test("an approval is passed on for the adapter's own node, an unknown one is not_found", async () => {
  await using stage = new Stage();
  await stage.register();
  const answer = { type: "approval_response", approved: true };
  assert.deepEqual(await stage.receive({ ...answer, approval_id: "pending" }), []);
  const [error] = await stage.receive({ ...answer, approval_id: "late" });
  assert.equal(error!.code, "not_found");
  assert.deepEqual(stage.answers, [["node-1", "pending", true], ["node-1", "late", true]]);
});

Deno.test("without scope admin an adapter can list MCP servers but not change them", async () => {
  await using stage = new Stage({ keys: [key(["adapter"])], bearer: "secret" });
  await stage.register();
  const [list] = await stage.receive({ type: "mcp_list", request_id: "r" });
  assert.deepEqual([list!.type, list!.success], ["mcp_list_response", true]);
  const [status] = await stage.receive({ type: "mcp_status", request_id: "r" });
  assert.equal(status!.type, "mcp_status_response");
  const changes = [
    { type: "mcp_install", source: "npx x" },
    { type: "mcp_uninstall", server_name: "x" },
    { type: "mcp_restart", server_name: "x" },
    { type: "mcp_enable", server_name: "x", enabled: false },
  ];
  for (const change of changes) {
    const [error] = await stage.receive({ ...change, request_id: "r" });
    assert.deepEqual([error!.type, error!.code], ["error", "unauthorized"]);
    assert.equal(error!.request_id, "r");
  }
});

Deno.test("with scope admin, or without any secret, MCP requests are handled", async () => {
  for (const keys of [[], [key(["adapter", "admin"])]]) {
    await using stage = new Stage({ keys, bearer: "secret" });
    await stage.register();
    const [answer] = await stage.receive({
      type: "mcp_restart",
      request_id: "r",
      server_name: "x",
    });
    assert.deepEqual([answer!.type, answer!.success], ["mcp_restart_response", false]);
    assert.match(String(answer!.error), /MCP server "x"/);
  }
});
