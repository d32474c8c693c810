/** The lifecycle of a supervised MCP server, with fake connections and a fake clock. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { ConfigError } from "../../../src/lib/config_error.ts";
import { Deadline } from "../../../src/lib/deadline.ts";
import { McpConfigFile } from "../../../src/tools/mcp/config_file.ts";
import type { McpConnectionOptions } from "../../../src/tools/mcp/connection.ts";
import { LoginRequiredError, OAuthStore } from "../../../src/tools/mcp/oauth.ts";
import {
  McpServer,
  type McpServerConnection,
  type McpServerOptions,
} from "../../../src/tools/mcp/server.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { toolEntry } from "../../support/mcp/scripted_server.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";

/** What a fake connection does; the default works. */
type Behavior = Partial<Pick<McpServerConnection, "listTools" | "callTool" | "ping">>;

/** A connection that tests control. */
interface FakeConnection {
  readonly options: McpConnectionOptions;
  closed: boolean;
  /** Ends it as if the server had died. */
  die(why: string): void;
}

interface Fixture {
  readonly server: McpServer;
  readonly clock: FakeClock;
  /** All connections so far. */
  readonly connections: readonly FakeConnection[];
  /** What the next connections do: fail to open, or behave as given. */
  readonly script: (Error | Behavior)[];
  readonly call: (options?: { readonly repeatable?: boolean }) => Promise<unknown>;
}

const { signal } = new AbortController();

function testServer(
  sentence: string,
  test: (fixture: Fixture) => Promise<void>,
  { entry = {}, ...options }: Partial<McpServerOptions> & { readonly entry?: object } = {},
): void {
  Deno.test(sentence, async () => {
    await using folder = new TempFolder();
    const file = new McpConfigFile(`${folder.path}/mcp.json`);
    file.write("s", { url: "http://127.0.0.1:9/mcp", startTimeoutSeconds: 0.1, ...entry });
    const clock = new FakeClock({ at: "2030-01-01T00:00:00Z" });
    const script: (Error | Behavior)[] = [];
    const connections: FakeConnection[] = [];
    await using server = new McpServer({
      name: "s",
      config: file.read().get("s")!,
      environment: () => undefined,
      childEnvironment: {},
      maxMessageBytes: 1_000,
      callTimeoutMs: 1_000,
      logins: new OAuthStore(folder.path),
      times: { refreshPauseMs: 1, refreshWaitMs: 50 },
      clock,
      connect: (options) => {
        const behavior = script.shift() ?? {};
        if (behavior instanceof Error) return Promise.reject(behavior);
        const { connection, fake } = fakeConnection(options, behavior);
        connections.push(fake);
        return Promise.resolve(connection);
      },
      ...options,
    });
    const call: Fixture["call"] = (fields = {}) => server.call("echo", {}, { signal, ...fields });
    await test({ server, clock, connections, script, call });
  });
}

function fakeConnection(
  options: McpConnectionOptions,
  behavior: Behavior,
): { readonly connection: McpServerConnection; readonly fake: FakeConnection } {
  const fake: FakeConnection = {
    options,
    closed: false,
    die: (why) => options.onClose(why),
  };
  const connection = {
    pid: undefined,
    instructions: undefined,
    listTools: () => Promise.resolve([toolEntry("echo")]),
    callTool: () => Promise.resolve({ content: [] }),
    ping: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => {
      fake.closed = true;
      return Promise.resolve();
    },
    ...behavior,
  };
  return { connection, fake };
}

/** Connects to a server that never answers. */
async function hangs({ signal }: McpConnectionOptions): Promise<never> {
  using deadline = new Deadline({ ms: 10_000, signal });
  return await deadline.race(new Promise<never>(() => {}));
}

/** An error of the SDK's transport. */
function httpError(code: number, text: string): Error {
  return Object.assign(new Error(`Streamable HTTP error: Error POSTing to endpoint: ${text}`), {
    code,
  });
}

function names(server: McpServer): readonly string[] {
  return server.tools.map(({ name }) => name);
}

testServer("a server starts once, however often it is asked to", async (fixture) => {
  const { server, connections } = fixture;
  assert.equal(server.state, "stopped");
  await Promise.all([server.start(), server.start()]);
  await server.start();
  assert.deepEqual([server.state, names(server)], ["running", ["s__echo"]]);
  assert.equal(connections.length, 1);
});

testServer("a disabled server does not start", async ({ server, connections, call }) => {
  await server.start();
  assert.deepEqual([server.state, connections.length], ["disabled", 0]);
  await assert.rejects(call(), /"s" is not running: disabled/);
}, { entry: { enabled: false } });

testServer("restarts wait longer each time, up to the limit", async (fixture) => {
  const { server, clock, script, connections } = fixture;
  script.push(...Array.from({ length: 5 }, () => new Error("no")));
  await server.start();
  assert.deepEqual([server.state, server.lastError], ["failed", "no"]);
  for (const delayMs of [500, 1_000, 2_000, 2_000]) {
    const left = script.length;
    await clock.advance(delayMs - 1);
    assert.equal(script.length, left, `before ${delayMs} ms`);
    await clock.advance(1);
    assert.equal(script.length, left - 1, `after ${delayMs} ms`);
  }
  await clock.advance(2_000);
  assert.deepEqual([server.state, connections.length], ["running", 1]);
  assert.equal(server.lastError, undefined);
}, { times: { restarts: { firstMs: 500, maxMs: 2_000 } } });

testServer("a crash keeps the tools and restarts the server", async (fixture) => {
  const { server, clock, connections } = fixture;
  await server.start();
  connections[0]!.die("it ended by SIGKILL");
  assert.deepEqual([server.state, server.lastError], ["failed", "it ended by SIGKILL"]);
  assert.deepEqual(names(server), ["s__echo"]);
  await clock.advance(500);
  assert.deepEqual([server.state, connections.length], ["running", 2]);
});

testServer("a server that ran long enough restarts after the first delay", async (fixture) => {
  const { server, clock, connections } = fixture;
  await server.start();
  connections[0]!.die("one");
  await clock.advance(500);
  await clock.advance(60_001);
  connections[1]!.die("two");
  await clock.advance(500);
  assert.deepEqual([server.state, connections.length], ["running", 3]);
});

testServer("a call starts a failed server without waiting for the delay", async (fixture) => {
  const { server, script, call, connections } = fixture;
  script.push(new Error("no"));
  await server.start();
  await call();
  assert.deepEqual([server.state, connections.length], ["running", 1]);
});

testServer("a call to a server that does not start says why", async ({ server, script, call }) => {
  script.push(new Error("first"), new Error("second"));
  await server.start();
  await assert.rejects(call(), /MCP server "s" is not running: second/);
});

testServer("an invalid configuration is not retried", async ({ server, script, clock }) => {
  script.push(new ConfigError("the environment variable X is not set"));
  await server.start();
  assert.deepEqual([server.state, clock.timers], ["failed", 0]);
});

testServer(
  "a missing login is a state of its own, and a later login is noticed",
  async (fixture) => {
    const { server, script, clock, call } = fixture;
    script.push(...Array.from({ length: 3 }, () => new LoginRequiredError("s")));
    await server.start();
    assert.equal(server.state, "login_required");
    assert.equal(server.lastError, 'login required: run "clara-gateway mcp login s"');
    await assert.rejects(call(), /is not running: login required: run "clara-gateway mcp login s"/);
    await clock.advance(500);
    assert.equal(server.state, "login_required");
    await clock.advance(5_000);
    assert.equal(server.state, "running");
  },
);

testServer("a login that expires during a call stops the server", async (fixture) => {
  const { server, script, call, connections } = fixture;
  script.push({ callTool: () => Promise.reject(new LoginRequiredError("s", "it has expired")) });
  await server.start();
  await assert.rejects(call(), /login required \(it has expired\)/);
  assert.deepEqual([server.state, connections[0]!.closed], ["login_required", true]);
});

testServer("a call is not repeated after a lost session, unless it may be", async (fixture) => {
  const { server, script, call, connections } = fixture;
  let calls = 0;
  const forgets: Behavior = {
    callTool: () => {
      calls++;
      return Promise.reject(httpError(404, "Session not found"));
    },
  };
  script.push(forgets);
  await server.start();
  await assert.rejects(call(), /HTTP 404: Session not found; the call may have been executed/);
  assert.deepEqual([calls, connections.length], [1, 1]);
  await call();
  assert.equal(connections.length, 2, "the next call has a new session");

  connections[1]!.die("restart");
  script.push(forgets);
  await call({ repeatable: true });
  assert.deepEqual([calls, connections.length], [2, 4]);

  connections[3]!.die("restart");
  script.push(forgets, forgets);
  await assert.rejects(call({ repeatable: true }), /Session not found/);
  assert.equal(calls, 4, "repeated once only");
});

testServer("a refused call does not restart the server", async (fixture) => {
  const { server, script, call, connections } = fixture;
  script.push({ callTool: () => Promise.reject(httpError(500, "out of order")) });
  await server.start();
  await assert.rejects(call(), /^Error: MCP server "s": HTTP 500: out of order; the call may have/);
  await assert.rejects(
    call({ repeatable: true }),
    /^Error: MCP server "s": HTTP 500: out of order$/,
  );
  assert.deepEqual([server.state, connections[0]!.closed], ["running", false]);
});

testServer(
  "a server that does not answer a ping after a failed call is restarted",
  async (fixture) => {
    const { server, script, call, connections, clock } = fixture;
    script.push({
      callTool: () => Promise.reject(new Error("timed out")),
      ping: async () => {
        await setImmediate();
        throw new Error("timed out, too");
      },
    });
    await server.start();
    await assert.rejects(call(), /timed out/);
    await clock.advance(0);
    assert.deepEqual([server.state, connections[0]!.closed], ["failed", true]);
    assert.equal(server.lastError, "it does not answer: timed out, too");
  },
);

testServer("unusable tools are skipped, the others are offered", async ({ server, script }) => {
  script.push({
    listTools: () =>
      Promise.resolve([
        toolEntry("good"),
        null,
        "text",
        { title: "Nameless" },
        { name: "", inputSchema: {} },
        { name: 7 },
        toolEntry("good", { description: "again" }),
        { name: "bare" },
        { name: "odd", title: null, description: 7, annotations: null, inputSchema: "x" },
      ]),
  });
  await server.start();
  assert.deepEqual(names(server), ["s__good", "s__bare", "s__odd"]);
  assert.equal(server.tools[0]!.description, "The tool good");
});

testServer("only allowed tools are offered", async ({ server, script }) => {
  script.push({ listTools: () => Promise.resolve([toolEntry("get_a"), toolEntry("drop_a")]) });
  await server.start();
  assert.deepEqual(names(server), ["s__get_a"]);
}, { entry: { allowedTools: ["get_*"] } });

testServer("changed tools are listed again, once for many changes", async (fixture) => {
  const { server, script, connections, call } = fixture;
  let lists = 0;
  script.push({ listTools: () => Promise.resolve([toolEntry(`tool_${++lists}`)]) });
  await server.start();
  for (let change = 0; change < 10; change++) connections[0]!.options.onToolsChanged();
  await call();
  assert.deepEqual(names(server), ["s__tool_3"], "one running, one more for the other nine");
});

testServer(
  "tools that cannot be listed again stay",
  async ({ server, script, connections, call }) => {
    let lists = 0;
    script.push({
      listTools: () =>
        ++lists === 1 ? Promise.resolve([toolEntry("echo")]) : Promise.reject(new Error("no")),
    });
    await server.start();
    connections[0]!.options.onToolsChanged();
    await call();
    assert.deepEqual([server.state, names(server)], ["running", ["s__echo"]]);
  },
);

testServer("a stop during the start ends the start", async ({ server }) => {
  const starting = server.start();
  await server[Symbol.asyncDispose]();
  await starting;
  assert.equal(server.state, "disabled");
}, {
  connect: hangs,
});

testServer("a stop closes the connection and cancels a restart", async (fixture) => {
  const { server, connections, clock, script } = fixture;
  await server.start();
  await server[Symbol.asyncDispose]();
  assert.ok(connections[0]!.closed);
  script.push(new Error("no"));
  await clock.advance(100_000);
  assert.deepEqual([connections.length, clock.timers, names(server)], [1, 0, []]);
});

testServer("a call does not wait for a hanging start longer than its limit", async ({ call }) => {
  await assert.rejects(call(), /"s" is not running: starting/);
}, {
  connect: hangs,
});
