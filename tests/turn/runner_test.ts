import assert from "node:assert/strict";
import type { ReplyConnection } from "../../src/delivery/port.ts";
import { Replies } from "../../src/delivery/replies.ts";
import { GatewayError, StoreError } from "../../src/domain/errors.ts";
import { EventBus } from "../../src/domain/events.ts";
import type { Tier, UserMessage } from "../../src/domain/message.ts";
import type { ReplyFrame } from "../../src/domain/reply.ts";
import type { QueuedRequest } from "../../src/domain/request.ts";
import { Sessions } from "../../src/sessions/sessions.ts";
import type { RequestStore } from "../../src/store/request_store.ts";
import type { SqliteStore } from "../../src/store/sqlite/store.ts";
import { TurnRunner, type TurnRunnerOptions } from "../../src/turn/runner.ts";
import type { Turn, TurnResult } from "../../src/turn/tool_loop.ts";
import { claimed, message, request, toolResult } from "../store/conformance/samples.ts";
import { SqliteFolder } from "../store/sqlite/sqlite_folder.ts";
import { callOf } from "./loop_parts.ts";

const answered: TurnResult = {
  files: [],
  toolCount: 0,
  usage: { inputTokens: 10, outputTokens: 1 },
  model: "model-1",
  finishReason: "stop",
};
const usage = {
  model: "model-1",
  inputTokens: 10,
  cachedTokens: 0,
  outputTokens: 1,
  costNanos: 5,
  estimated: false,
};
const conversation = { channelKey: "channel-1", threadId: "" };

/** Shows a text and ends with it. */
const sayHi = (turn: Turn): Promise<TurnResult> => {
  turn.onUsage?.(usage);
  turn.show({ type: "text", text: "Hi." });
  return Promise.resolve(answered);
};

interface StageOptions extends Partial<TurnRunnerOptions> {
  /** Runs a turn. Default: {@linkcode sayHi}. */
  readonly run?: (turn: Turn) => Promise<TurnResult>;
  /** Replaces methods of the store's requests. */
  readonly override?: Partial<RequestStore>;
  readonly tier?: Tier;
}

/** A runner with a real store and replies to one connected adapter; the tool loop is scripted. */
class Stage implements AsyncDisposable {
  readonly store: SqliteStore;
  readonly runner: TurnRunner;
  /** Frames to the adapter: their type, and their text or code. */
  readonly sent: string[] = [];
  readonly events: string[] = [];
  readonly turns: Turn[] = [];
  readonly abort = new AbortController();
  readonly givenUp = new AbortController();
  /** Conversations that were offered to the summaries. */
  readonly summarized: number[] = [];
  wakes = 0;
  readonly replies: Replies;
  readonly #folder: SqliteFolder;
  #now = 5_000;

  private constructor(folder: SqliteFolder, store: SqliteStore, options: StageOptions) {
    const { run = sayHi, override = {}, tier = "mid", ...fields } = options;
    this.#folder = folder;
    this.store = store;
    const requests: RequestStore = new Proxy(store.requests, {
      get: (target, name) => {
        const own = Reflect.get(override, name) ?? Reflect.get(target, name);
        return typeof own === "function" ? own.bind(target) : own;
      },
    });
    const events = new EventBus();
    events.subscribe(({ name, data }) => {
      const detail = "code" in data ? ` ${data.code}` : "";
      this.events.push(`${name}${detail}`);
    });
    const now = () => this.#now++;
    this.replies = new Replies({
      requests,
      transport: { connection: () => this.#connection },
      now,
    });
    this.runner = new TurnRunner({
      requests,
      sessions: new Sessions({ store: store.sessions, events, idleMs: 60_000, now }),
      context: {
        build: ({ message }) =>
          Promise.resolve({ parts: [], userText: message.content, named: false }),
      },
      toolLoop: {
        run: (turn) => {
          this.turns.push(turn);
          return run(turn);
        },
      },
      llm: { modelOf: () => "model-1" },
      planner: { plan: (message) => Promise.resolve({ message, tier }) },
      usage: store.usage,
      memory: { enabled: true, recall: () => Promise.resolve([]), wake: () => this.wakes++ },
      toolsReady: () => Promise.resolve(),
      replies: this.replies,
      summaries: { afterTurn: ({ historyRoom }) => this.summarized.push(historyRoom) },
      events,
      owner: "me",
      givenUp: this.givenUp.signal,
      attempts: 3,
      now,
      ...fields,
    });
  }

  static async open(options: StageOptions = {}): Promise<Stage> {
    const folder = new SqliteFolder();
    return new Stage(folder, await folder.open(), options);
  }

  readonly #connection: ReplyConnection = {
    streaming: true,
    dialect: "clara-1",
    approvals: false,
    writable: true,
    send: (_, frame) => this.sent.push(show(frame)),
    whenWritable: () => {},
    flushed: () => Promise.resolve(true),
    hasEnded: () => false,
  };

  /** Accepts a message and returns its request, as the router has it. */
  async accept(fields: Partial<UserMessage> = {}, id = "request-1"): Promise<QueuedRequest> {
    const given = message(id, {
      content: "Hello",
      attachments: [],
      channel: { id: "channel-1" },
      ...fields,
    });
    const acceptance = await this.store.requests.accept(request(id, { message: given }));
    assert.equal(acceptance.type, "accepted");
    if (acceptance.type !== "accepted") throw new Error("not accepted");
    return acceptance.request;
  }

  /** Runs a request; `waiting` is what else waits in its channel. */
  async run(queued: QueuedRequest, waiting: readonly QueuedRequest[] = []): Promise<void> {
    await this.runner.handle(queued, this.abort.signal, (fits) => waiting.filter(fits));
    await this.replies.settle(1_000);
  }

  /** The stored outcome, once it is finished. */
  async outcome({ seq }: QueuedRequest) {
    return (await this.store.requests.reply(seq))?.outcome;
  }

  /** The lines of the conversation's history. */
  async history(): Promise<readonly string[]> {
    const lines = await this.store.history.recent({ conversation, limit: 10 });
    return lines.map(({ role, content, partial }) =>
      `${role} ${content}${partial ? " [partial]" : ""}`
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}

function show(frame: ReplyFrame): string {
  switch (frame.type) {
    case "chunk":
    case "end":
    case "proactive":
      return `${frame.type} ${frame.text}`;
    case "start":
      return `start ${frame.model} ${frame.tier}`;
    case "error":
      return `error ${frame.code}`;
    case "tool_started":
      return `tool_started ${frame.step} ${frame.description}`;
    case "tool_finished":
      return `tool_finished ${frame.step} ${frame.outputPreview}`;
    case "cancelled":
      return frame.mergedInto ? `cancelled into ${frame.mergedInto}` : "cancelled";
    default:
      return frame.type;
  }
}

Deno.test("a turn ends with its reply: stored with history and usage, sent, and announced", async () => {
  const run = (turn: Turn) => {
    turn.onHistoryRoom?.(700);
    return sayHi(turn);
  };
  await using stage = await Stage.open({ run, tier: "high" });
  const queued = await stage.accept();
  await stage.run(queued);
  const outcome = await stage.outcome(queued);
  assert.ok(outcome?.type === "reply");
  assert.deepEqual([outcome.text, outcome.tier, outcome.model], ["Hi.", "high", "model-1"]);
  assert.deepEqual(stage.sent, ["start model-1 high", "chunk Hi.", "chunk ", "end Hi."]);
  assert.deepEqual(stage.events, ["session:start", "message:sent"]);
  assert.deepEqual(await stage.history(), ["user Hello", "assistant Hi."]);
  assert.equal((await stage.store.usage.total()).costNanos, 5);
  assert.equal(await stage.store.exchanges.count(), 1);
  assert.deepEqual([stage.wakes, stage.summarized], [1, [700]]);
  assert.deepEqual(await stage.store.requests.undelivered("node-1"), []);
});

Deno.test("tool steps are shown with a preview of their result", async () => {
  const call = callOf("a");
  const result = { ...toolResult, content: `${"x".repeat(199)}😀 and more` };
  const step = { call, step: 1, description: "Looking" };
  await using stage = await Stage.open({
    run: (turn) => {
      turn.show({ type: "tool_started", ...step, emoji: "👀" });
      turn.show({ type: "tool_finished", ...step, result });
      return sayHi(turn);
    },
  });
  await stage.run(await stage.accept());
  assert.deepEqual(stage.sent.slice(1, 3), [
    "tool_started 1 Looking",
    `tool_finished 1 ${"x".repeat(199)}\ufffd…`,
  ]);
});

Deno.test("a request that is already done is not run again", async () => {
  await using stage = await Stage.open();
  const queued = await stage.accept();
  await stage.run(queued);
  await stage.run(queued);
  assert.equal(stage.turns.length, 1);
});

Deno.test("a turn whose claim another gateway took ends without an outcome of its own", async () => {
  await using stage = await Stage.open({
    run: async (turn) => {
      await claimed(stage.store, queued.seq, "another");
      return await sayHi(turn);
    },
  });
  const queued = await stage.accept();
  await stage.run(queued);
  assert.equal(await stage.outcome(queued), undefined);
  assert.deepEqual(stage.sent, ["start model-1 mid", "chunk Hi."]);
  assert.deepEqual(stage.events, ["session:start"]);
});

Deno.test("a turn that cannot journal a round under its claim ends without an outcome", async () => {
  await using stage = await Stage.open({
    run: async (turn) => {
      await claimed(stage.store, queued.seq, "another");
      await turn.journal.recordRound({ index: 0, text: "", calls: [] });
      return answered;
    },
  });
  const queued = await stage.accept();
  await stage.run(queued);
  assert.equal(await stage.outcome(queued), undefined);
  assert.deepEqual(stage.events, ["session:start"]);
});

Deno.test("on shutdown a turn is put back, its usage is kept, and the next run answers it", async () => {
  let aborts = true;
  await using stage = await Stage.open({
    run: (turn) => {
      if (!aborts) return sayHi(turn);
      aborts = false;
      turn.onUsage?.(usage);
      stage.abort.abort(new GatewayError("shutting_down", "stopping"));
      return Promise.reject(turn.signal.reason);
    },
  });
  const queued = await stage.accept();
  await stage.run(queued);
  assert.equal(await stage.outcome(queued), undefined);
  assert.deepEqual(stage.sent, ["start model-1 mid"]);
  assert.equal((await stage.store.usage.total()).requests, 1);
  const [again] = await stage.store.requests.unfinished();
  assert.deepEqual([again!.seq, again!.claimed], [queued.seq, true]);
  await stage.runner.handle(again!, new AbortController().signal, () => []);
  assert.equal((await stage.outcome(queued))?.type, "reply");
});

Deno.test("a cancelled turn keeps what was shown of its reply in history, as partial", async () => {
  await using stage = await Stage.open({
    run: (turn) => {
      turn.show({ type: "text", text: "Half" });
      stage.abort.abort(new GatewayError("cancelled", "cancelled"));
      return Promise.reject(turn.signal.reason);
    },
  });
  const queued = await stage.accept();
  await stage.run(queued);
  assert.equal((await stage.outcome(queued))?.type, "cancelled");
  assert.deepEqual(await stage.history(), ["user Hello", "assistant Half [partial]"]);
  assert.deepEqual(stage.events, ["session:start", "message:cancelled"]);
  assert.equal(stage.sent.at(-1), "cancelled");
  assert.equal(await stage.store.exchanges.count(), 0);
});

Deno.test("a turn cancelled before it runs ends as cancelled without the model", async () => {
  await using stage = await Stage.open();
  const queued = await stage.accept();
  stage.abort.abort(new GatewayError("cancelled", "cancelled"));
  await stage.run(queued);
  assert.equal((await stage.outcome(queued))?.type, "cancelled");
  assert.deepEqual([stage.turns.length, stage.sent], [0, ["cancelled"]]);
  assert.deepEqual(await stage.history(), []);
});

Deno.test("a turn that shutdown reaches before it runs is put back", async () => {
  await using stage = await Stage.open();
  const queued = await stage.accept();
  stage.abort.abort(new GatewayError("shutting_down", "stopping"));
  await stage.run(queued);
  assert.equal(await stage.outcome(queued), undefined);
  assert.deepEqual([stage.turns.length, stage.sent, stage.events], [0, [], []]);
  assert.equal((await stage.store.requests.unfinished()).length, 1);
});

const failures: readonly {
  readonly name: string;
  readonly thrown: Error;
  readonly code: string;
  readonly recoverable: boolean;
}[] = [
  {
    name: "an error of the model keeps its code",
    thrown: new GatewayError("llm_timeout", "The model was silent.", { recoverable: true }),
    code: "llm_timeout",
    recoverable: true,
  },
  {
    name: "an unexpected error becomes an internal_error",
    thrown: new TypeError("undefined is not a function"),
    code: "internal_error",
    recoverable: true,
  },
  {
    name: "a passing error of the store becomes a recoverable internal_error",
    thrown: new StoreError("disk full"),
    code: "internal_error",
    recoverable: true,
  },
];

for (const { name, thrown, code, recoverable } of failures) {
  Deno.test(`${name}, with the text shown so far`, async () => {
    await using stage = await Stage.open({
      run: (turn) => {
        turn.show({ type: "text", text: "Half" });
        return Promise.reject(thrown);
      },
    });
    const queued = await stage.accept();
    await stage.run(queued);
    const outcome = await stage.outcome(queued);
    assert.ok(outcome?.type === "error");
    assert.deepEqual(
      [outcome.code, outcome.recoverable, outcome.partialText],
      [code, recoverable, "Half"],
    );
    assert.ok(!outcome.message.includes("undefined is not a function"));
    assert.deepEqual(stage.events, ["session:start", `message:error ${code}`]);
    assert.deepEqual(await stage.history(), ["user Hello", "assistant Half [partial]"]);
    assert.equal(stage.sent.at(-1), `error ${code}`);
  });
}

Deno.test("a message that used up its attempts is set aside without running", async () => {
  await using stage = await Stage.open();
  const queued = await stage.accept();
  for (const owner of ["one", "two", "three"]) await claimed(stage.store, queued.seq, owner);
  await stage.run(queued);
  const outcome = await stage.outcome(queued);
  assert.ok(outcome?.type === "error");
  assert.match(outcome.message, /set aside: the gateway crashed 3 times/);
  assert.deepEqual([stage.turns.length, stage.sent], [0, ["error internal_error"]]);
});

Deno.test("a refusal of the planner is the outcome, and no turn runs", async () => {
  const refusal = new GatewayError("rate_limited", "used up", { recoverable: true });
  await using stage = await Stage.open({
    planner: { plan: (message) => Promise.resolve({ message, tier: "mid", refusal }) },
  });
  await stage.run(await stage.accept());
  assert.deepEqual([stage.turns.length, stage.sent], [0, ["error rate_limited"]]);
});

Deno.test("a write that fails for a while is retried until the store accepts it", async () => {
  let failures = 2;
  await using stage = await Stage.open({
    override: {
      finish: (...args) =>
        failures-- > 0
          ? Promise.reject(new StoreError("disk full"))
          : stage.store.requests.finish(...args),
    },
  });
  const queued = await stage.accept();
  await stage.run(queued);
  assert.equal((await stage.outcome(queued))?.type, "reply");
});

Deno.test("an outcome that the store can never accept becomes an error, and the channel continues", async () => {
  let refuses = true;
  await using stage = await Stage.open({
    override: {
      finish: (claim, end) =>
        refuses && end.history.length > 0
          ? Promise.reject(new StoreError("no such line", { lasting: true }))
          : stage.store.requests.finish(claim, end),
    },
  });
  const queued = await stage.accept();
  await stage.run(queued);
  const outcome = await stage.outcome(queued);
  assert.ok(outcome?.type === "error");
  assert.equal(outcome.code, "internal_error");
  assert.deepEqual(await stage.history(), []);
  assert.equal(stage.sent.at(-1), "error internal_error");
  refuses = false;
  const next = await stage.accept({ content: "Again" }, "request-2");
  await stage.run(next);
  assert.equal((await stage.outcome(next))?.type, "reply");
});

Deno.test("when the gateway stops waiting for the store, a request is left to its next claim", async () => {
  await using stage = await Stage.open({
    override: { claim: () => Promise.reject(new StoreError("disk full")) },
  });
  const queued = await stage.accept();
  stage.givenUp.abort();
  await stage.run(queued);
  assert.deepEqual([stage.turns.length, stage.sent], [0, []]);
  assert.equal((await stage.store.requests.unfinished()).length, 1);
});

Deno.test("a message that only starts a new conversation is answered without the model", async () => {
  await using stage = await Stage.open();
  await stage.run(await stage.accept());
  await stage.run(await stage.accept({ reset: true, content: "/new" }, "request-2"));
  assert.equal(stage.turns.length, 1);
  assert.deepEqual(stage.sent.slice(4), [
    "start gateway mid",
    "chunk A new conversation begins.",
    "chunk ",
    "end A new conversation begins.",
  ]);
  assert.deepEqual(stage.events.slice(2), ["session:end", "message:sent"]);
  assert.deepEqual(await stage.history(), []);
});

Deno.test("a message that starts a new conversation and says more is answered in it", async () => {
  await using stage = await Stage.open();
  await stage.run(await stage.accept());
  await stage.run(await stage.accept({ reset: true, content: "Something new" }, "request-2"));
  assert.equal(stage.turns.length, 2);
  assert.deepEqual(await stage.history(), ["user Something new", "assistant Hi."]);
});

Deno.test("collected messages are answered in the same turn, and end as merged", async () => {
  await using stage = await Stage.open();
  const queued = await stage.accept({ overlap: "collect" });
  const more = await stage.accept({ overlap: "collect", content: "And this" }, "request-2");
  const other = await stage.accept({ overlap: "queue", content: "Later" }, "request-3");
  const collecting = (request: QueuedRequest) => ({ ...request, overlap: "collect" as const });
  await stage.run(collecting(queued), [collecting(more), other]);
  assert.deepEqual(
    stage.turns[0]!.parts.map((part) => "message" in part && part.message.content),
    ["And this"],
  );
  const outcome = await stage.outcome(more);
  assert.ok(outcome?.type === "cancelled");
  assert.equal(outcome.mergedInto, "request-1");
  assert.ok(stage.sent.includes("cancelled into request-1"));
  assert.deepEqual(await stage.history(), ["user Hello", "user And this", "assistant Hi."]);
  assert.equal(await stage.outcome(other), undefined);
});

Deno.test("a steering message joins the turn after a round of tool calls", async () => {
  const joined: unknown[] = [];
  await using stage = await Stage.open({
    run: async (turn) => {
      await turn.journal.recordRound({ index: 0, text: "", calls: [callOf("a")] });
      joined.push(...await turn.journal.join(0, { fresh: true }));
      return await sayHi(turn);
    },
  });
  const queued = await stage.accept();
  const steering = await stage.accept({ content: "Faster" }, "request-2");
  await stage.run(queued, [{ ...steering, overlap: "steer" }]);
  assert.deepEqual(joined, [{ role: "user", content: "Faster", speaker: undefined }]);
  assert.equal((await stage.outcome(steering))?.type, "cancelled");
});

Deno.test("the rounds of an earlier attempt are handed to the tool loop", async () => {
  await using stage = await Stage.open();
  const queued = await stage.accept();
  const { claim } = await claimed(stage.store, queued.seq, "crashed");
  const round = { text: "Looking.", calls: [callOf("a")] };
  await stage.store.requests.recordRound(claim, { index: 0, ...round });
  await stage.run(queued);
  assert.deepEqual(stage.turns[0]!.rounds.map(({ text, calls }) => ({ text, calls })), [round]);
});

const task = { name: "morning", fallback: "Good morning." };

Deno.test("the reply to a task's prompt is one proactive message, in history without a partial mark", async () => {
  await using stage = await Stage.open();
  const queued = await stage.accept({ task });
  await stage.run(queued);
  assert.equal((await stage.outcome(queued))?.type, "proactive");
  assert.deepEqual(stage.sent, ["proactive Hi."]);
  assert.deepEqual(stage.events, ["session:start", "message:sent"]);
  assert.deepEqual(await stage.history(), ["user Hello", "assistant Hi."]);
  assert.equal(await stage.store.exchanges.count(), 0);
});

Deno.test("a task's prompt that fails sends its fallback", async () => {
  const run = () => Promise.reject(new GatewayError("llm_unavailable", "down"));
  await using stage = await Stage.open({ run });
  await stage.run(await stage.accept({ task }));
  assert.deepEqual(stage.sent, ["proactive Good morning."]);
  assert.deepEqual(stage.events, ["session:start", "message:error llm_unavailable"]);
});

Deno.test("a task's prompt that is cancelled sends nothing and adds no answer to history", async () => {
  await using stage = await Stage.open({
    run: (turn) => {
      turn.show({ type: "text", text: "Half" });
      stage.abort.abort(new GatewayError("cancelled", "cancelled"));
      return Promise.reject(turn.signal.reason);
    },
  });
  const queued = await stage.accept({ task });
  await stage.run(queued);
  const outcome = await stage.outcome(queued);
  assert.ok(outcome?.type === "proactive");
  assert.deepEqual([outcome.text, stage.sent], ["", []]);
  assert.deepEqual(await stage.history(), ["user Hello"]);
});

Deno.test("a request cancelled while queued ends as cancelled", async () => {
  await using stage = await Stage.open();
  const queued = await stage.accept();
  await stage.runner.discard(queued);
  assert.equal((await stage.outcome(queued))?.type, "cancelled");
  assert.deepEqual([stage.sent, stage.events], [["cancelled"], ["message:cancelled"]]);
  assert.deepEqual(await stage.store.requests.undelivered("node-1"), []);
});

Deno.test("a task's prompt cancelled while queued sends nothing", async () => {
  await using stage = await Stage.open();
  const queued = await stage.accept({ task });
  await stage.runner.discard(queued);
  assert.deepEqual([stage.sent, stage.events], [[], ["message:cancelled"]]);
  assert.deepEqual(await stage.store.requests.undelivered("node-1"), []);
});

Deno.test("a request that already runs elsewhere is not cancelled as queued", async () => {
  await using stage = await Stage.open();
  const queued = await stage.accept();
  await stage.run(queued);
  await stage.runner.discard(queued);
  assert.equal((await stage.outcome(queued))?.type, "reply");
  assert.deepEqual(stage.events, ["session:start", "message:sent"]);
});
