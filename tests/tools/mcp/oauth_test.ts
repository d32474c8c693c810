/** Logging in to MCP servers that are protected by OAuth, and using the login. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { McpManager } from "../../../src/tools/mcp/manager.ts";
import { OAuthStore } from "../../../src/tools/mcp/oauth.ts";
import { McpFolder } from "../../support/mcp/mcp_folder.ts";
import { OAuthMcpServer, type OAuthServerOptions } from "../../support/mcp/oauth_server.ts";
import { respond, ScriptedMcpServer, textResult } from "../../support/mcp/scripted_server.ts";

interface Fixture {
  readonly oauth: OAuthMcpServer;
  readonly manager: McpManager;
  readonly loginFolder: string;
  /** Logs in as a user whose browser follows the redirects. */
  readonly logIn: (name?: string) => Promise<void>;
  readonly call: (tool?: string) => Promise<string>;
}

const { signal } = new AbortController();

function testOAuth(
  sentence: string,
  test: (fixture: Fixture) => Promise<void>,
  { entry = {}, ...options }: OAuthServerOptions & { readonly entry?: object } = {},
): void {
  Deno.test(sentence, async () => {
    await using oauth = OAuthMcpServer.start(options);
    await using folder = new McpFolder({
      s: { url: oauth.url, ...entry },
      program: { command: "true" },
    });
    const loginFolder = join(folder.path, "mcp_logins");
    await using manager = new McpManager({
      path: folder.mcpFile,
      loginFolder,
      environment: () => undefined,
      childEnvironment: {},
      maxMessageBytes: 100_000,
      callTimeoutMs: 5_000,
    });
    const logIn = (name = "s") => manager.logIn(name, { openPage: browse, timeoutMs: 5_000 });
    const call = async () => {
      const { content } = await manager.server("s").call("echo", {}, { signal });
      return (content?.[0] as { readonly text: string }).text;
    };
    await test({ oauth, manager, loginFolder, logIn, call });
  });
}

/** Opens the page as a browser does, where the user agrees or does not. */
async function browse(url: URL): Promise<void> {
  const response = await fetch(url);
  await response.body?.cancel();
}

testOAuth("a server that requires a login says so, with the command to run", async (fixture) => {
  const { oauth, manager, call } = fixture;
  const server = manager.server("s");
  await server.start();
  assert.equal(server.state, "login_required");
  assert.match(
    server.lastError!,
    /^login required \(HTTP 401: .*invalid_token.*\): run "clara-gateway mcp login s"$/,
  );
  await assert.rejects(call(), /login required/);
  assert.equal(oauth.registrations, 0, "nothing is registered without the user");
});

testOAuth("after a login the server works, and the tokens are private", async (fixture) => {
  const { oauth, manager, loginFolder, logIn, call } = fixture;
  await logIn();
  assert.equal(await call(), "echoed");
  const [page] = oauth.pages;
  assert.equal(page!.get("code_challenge_method"), "S256");
  assert.equal(page!.get("scope"), "tools");
  assert.equal(page!.get("resource"), oauth.url);
  assert.match(page!.get("redirect_uri")!, /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
  if (Deno.build.os !== "windows") {
    assert.equal(Deno.statSync(join(loginFolder, "s.json")).mode! & 0o777, 0o600);
    assert.equal(Deno.statSync(loginFolder).mode! & 0o777, 0o700);
  }
  assert.equal(manager.logOut("s"), true);
  assert.equal(manager.logOut("s"), false);
  assert.deepEqual([...Deno.readDirSync(loginFolder)], []);
});

testOAuth("an expired token is refreshed, and stays so after a restart", async (fixture) => {
  const { oauth, manager, logIn, call } = fixture;
  await logIn();
  await call();
  oauth.expire();
  assert.equal(await call(), "echoed");
  oauth.expire();
  await manager.restart("s");
  assert.equal(await call(), "echoed");
  const grants = oauth.tokenRequests.map(({ grant_type }) => grant_type);
  assert.deepEqual(grants, ["authorization_code", "refresh_token", "refresh_token"]);
});

testOAuth("concurrent calls share one refresh", async ({ oauth, logIn, call }) => {
  await logIn();
  await call();
  oauth.expire();
  assert.deepEqual(
    await Promise.all(Array.from({ length: 8 }, () => call())),
    Array(8).fill("echoed"),
  );
  assert.equal(oauth.tokenRequests.length, 2);
});

testOAuth("tokens that another process has refreshed are used", async (fixture) => {
  const { oauth, loginFolder, logIn, call } = fixture;
  await logIn();
  await call();
  const store = new OAuthStore(loginFolder);
  const record = store.read("s", oauth.url)!;
  oauth.expire();
  await call();
  // The other process ends up with older tokens in its memory, the file has the new ones.
  assert.notEqual(store.read("s", oauth.url)!.tokens!.access_token, record.tokens!.access_token);
  assert.equal(await call(), "echoed");
  assert.equal(oauth.tokenRequests.length, 2);
});

testOAuth("a login that was revoked requires a new one", async (fixture) => {
  const { oauth, manager, logIn, call } = fixture;
  await logIn();
  await call();
  oauth.revoke();
  await assert.rejects(call(), /login required \(the login has expired\): run "clara-gateway/);
  assert.equal(manager.server("s").state, "login_required");
  await logIn();
  assert.equal(await call(), "echoed");
});

testOAuth("an outage of the authorization server requires no login", async (fixture) => {
  const { oauth, manager, logIn, call } = fixture;
  await logIn();
  await call();
  oauth.expire();
  oauth.outage = 503;
  await assert.rejects(call(), /Cannot refresh the login: HTTP 503/);
  assert.notEqual(manager.server("s").state, "login_required");
  oauth.outage = undefined;
  assert.equal(await call(), "echoed");
});

testOAuth("a refused login fails with the reason", async ({ logIn, loginFolder }) => {
  await assert.rejects(
    logIn(),
    /Cannot log in: the authorization server refused: the user said no/,
  );
  assert.throws(() => Deno.statSync(loginFolder), Deno.errors.NotFound);
}, { agrees: false });

testOAuth("a login without registration needs a configured client", async ({ logIn }) => {
  await assert.rejects(logIn(), /dynamic client registration; .*"oauth": \{ "clientId"/);
}, { registration: false });

const port = freePort();

testOAuth("a configured client is used", async ({ oauth, logIn, call }) => {
  oauth.addClient("my-client", [`http://127.0.0.1:${port}/callback`]);
  await logIn();
  assert.equal(await call(), "echoed");
  assert.deepEqual([oauth.registrations, oauth.pages[0]!.get("client_id")], [0, "my-client"]);
  assert.equal(oauth.pages[0]!.get("scope"), "all");
}, {
  registration: false,
  entry: { oauth: { clientId: "my-client", redirectPort: port, scope: "all" } },
});

testOAuth("nobody else can end a login", async ({ manager, oauth, call }) => {
  await manager.logIn("s", {
    timeoutMs: 5_000,
    openPage: async (url) => {
      const callback = url.searchParams.get("redirect_uri")!;
      for (const query of ["code=stolen", "code=stolen&state=guessed", "error=no"]) {
        const { status } = await fetch(`${callback}?${query}`).then(async (response) => {
          await response.body?.cancel();
          return response;
        });
        assert.equal(status, 400);
      }
      await browse(url);
    },
  });
  assert.equal(await call(), "echoed");
  assert.equal(oauth.tokenRequests.length, 1);
});

testOAuth("a login that nobody answers times out", async ({ manager }) => {
  const login = manager.logIn("s", { openPage: () => {}, timeoutMs: 100 });
  await assert.rejects(login, /Cannot log in: nobody agreed within 0\.1 seconds/);
});

testOAuth("only a server with a URL can be logged in to", async ({ logIn }) => {
  await assert.rejects(logIn("program"), /"program" is a program/);
  await assert.rejects(logIn("nobody"), /There is no MCP server "nobody"/);
});

testOAuth("removing a server deletes its login", async ({ manager, logIn, loginFolder }) => {
  await logIn();
  await manager.uninstall("s");
  assert.deepEqual([...Deno.readDirSync(loginFolder)], []);
});

testOAuth("a login is not sent to another URL", ({ oauth, loginFolder }) => {
  const store = new OAuthStore(loginFolder);
  store.write("s", { url: oauth.url, tokens: { access_token: "secret-token" } });
  assert.equal(store.read("s", "http://127.0.0.1:9/mcp"), undefined);
  assert.equal(store.read("s", oauth.url)!.tokens!.access_token, "secret-token");
  return Promise.resolve();
});

testOAuth("an answer is never sent twice because of a refresh", async ({ oauth, logIn, call }) => {
  await logIn();
  assert.equal(await call(), "ran 1 times");
  oauth.expire();
  assert.equal(await call(), "ran 2 times");
}, {
  mcp: {
    answer: (() => {
      let runs = 0;
      return ({ method }) =>
        method === "tools/call" ? textResult(`ran ${++runs} times`) : undefined;
    })(),
  },
});

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test("a server that uses keys is told apart from one with logins", async () => {
  await using keys = ScriptedMcpServer.start({
    guard: () => respond({ detail: "missing API key" }, "application/json", 401),
  });
  await using folder = new McpFolder({ s: { url: keys.url } });
  await using manager = new McpManager({
    path: folder.mcpFile,
    loginFolder: join(folder.path, "mcp_logins"),
    environment: () => undefined,
    childEnvironment: {},
    maxMessageBytes: 100_000,
    callTimeoutMs: 5_000,
  });
  const login = manager.logIn("s", { openPage: browse, timeoutMs: 5_000 });
  await assert.rejects(login, /Cannot log in: .*or set an Authorization header/);
});
