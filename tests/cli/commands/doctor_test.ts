/** The command `doctor`: its findings, advice and exit code. */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { CommandFolder } from "../../support/process/command_folder.ts";
import { badServer } from "../../support/mcp/mcp_folder.ts";

/** The findings of `doctor --json` by level, as `check: text`. */
async function findings(folder: CommandFolder, args: readonly string[] = []) {
  const { code, out } = await folder.run(["doctor", "--json", ...args]);
  const found = JSON.parse(out).findings as readonly {
    readonly check: string;
    readonly level: string;
    readonly text: string;
  }[];
  const of = (level: string) =>
    found.filter((finding) => finding.level === level).map(({ check, text }) =>
      `${check}: ${text}`
    );
  return { code, ok: of("ok"), warnings: of("warning"), errors: of("error") };
}

/** A provider that lists its models. */
function provider(models: readonly string[], key: string): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const fine = new URL(request.url).pathname === "/v1/models" &&
      request.headers.get("authorization") === `Bearer ${key}`;
    if (!fine) return new Response("wrong", { status: 401 });
    return Response.json({ data: models.map((id) => ({ id })) });
  });
}

Deno.test("in an empty folder the only warning is about the echo model", async () => {
  await using folder = new CommandFolder();
  const { code, errors, warnings, ok } = await findings(folder);
  assert.deepEqual([code, errors], [0, []]);
  assert.deepEqual(warnings.map((text) => text.split(":")[0]), ["llm"]);
  assert.ok(ok.some((text) => /^data: .* \(will be created\)$/.test(text)));
  assert.ok(ok.some((text) => /^data: \d+ MiB of disk space are free/.test(text)));
  // It creates nothing.
  await assert.rejects(Deno.stat(folder.dataDir), Deno.errors.NotFound);
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
  assert.match((await folder.run(["doctor"])).out, /^ok {7}runtime: clara-gateway .*\n/);
});

Deno.test("a running gateway, its store, model and MCP servers are ok", async () => {
  await using server = provider(["gpt-4o-mini", "big"], "key");
  await using folder = new CommandFolder({
    OPENAI_API_KEY: "key",
    OPENAI_BASE_URL: `http://127.0.0.1:${server.addr.port}/v1`,
    CLARA_MODEL_HIGH: "big",
  });
  await Deno.writeTextFile(
    join(folder.path, "mcp.json"),
    JSON.stringify({
      mcpServers: { good: badServer(), off: badServer("good", { enabled: false }) },
    }),
  );
  assert.equal((await folder.run(["start"])).code, 0);
  const { code, errors, warnings, ok } = await findings(folder);
  assert.deepEqual([code, errors, warnings], [0, [], []]);
  const text = ok.join("\n");
  assert.match(text, /^store: .*gateway\.db: .* intact$/m);
  assert.match(text, /^port: the gateway is running, process \d+ at 127\.0\.0\.1:\d+$/m);
  assert.match(text, /^llm: http:.*\/v1\/models responds; models: gpt-4o-mini, big$/m);
  assert.match(text, /^mcp: good starts, with \d+ tools$/m);
  assert.match(text, /^mcp: off is disabled$/m);
  assert.match(text, /^files: \.\/mcp\.json: 2 servers$/m);
});

Deno.test("every problem is found at once, with advice", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using server = provider([], "key");
  await using folder = new CommandFolder({
    CLARA_GATEWAY_PORT: String(listener.addr.port),
    CLARA_GATEWAY_PROT: "1",
    CLARA_PERSONA_FILE: "nowhere.md",
    OPENAI_API_KEY: "other",
    OPENAI_BASE_URL: `http://127.0.0.1:${server.addr.port}/v1`,
  });
  await Deno.writeTextFile(join(folder.path, "tools.yaml"), "rules:\n  - action: maybe\n");
  await Deno.writeTextFile(
    join(folder.path, "mcp.json"),
    JSON.stringify({ mcpServers: { lost: badServer("crash") } }),
  );
  await Deno.mkdir(folder.dataDir, { mode: 0o755 });
  await Deno.chmod(folder.dataDir, 0o755);
  await Deno.writeTextFile(join(folder.dataDir, "gateway.db"), "no database".repeat(100));
  const { code, errors, warnings } = await findings(folder);
  assert.equal(code, 1);
  const patterns = [
    /^files: Cannot use \.\/tools\.yaml:2: "rules\.0\.action"/,
    /^files: .*nowhere\.md/,
    /^store: Cannot read store ".*gateway\.db": file is not a database$/,
    /^port: Cannot listen on 127\.0\.0\.1:\d+: the port is in use by another program\. .*--port/,
    /^llm: .*\/v1\/models rejects the key \(401\): check OPENAI_API_KEY$/,
    /^mcp: lost does not start: /,
  ];
  assert.equal(errors.length, patterns.length, errors.join("\n"));
  patterns.forEach((pattern, index) => assert.match(errors[index]!, pattern));
  assert.match(warnings.join("\n"), /^config: CLARA_GATEWAY_PROT is not a setting; did you mean/m);
  assert.match(
    warnings.join("\n"),
    /^data: ".*" can be read by every user of this machine; run chmod/m,
  );
});

Deno.test("invalid settings are errors, and checks that need no settings still run", async () => {
  await using folder = new CommandFolder({ CLARA_GATEWAY_PORT: "many", CLARA_INSECURE: "perhaps" });
  const { code, errors, ok } = await findings(folder);
  assert.equal(code, 1);
  assert.deepEqual(errors.length, 2);
  assert.match(errors[0]!, /^config: Cannot use CLARA_GATEWAY_PORT="many"/);
  assert.ok(ok.some((text) => text.startsWith("data: ")));
});

Deno.test("a damaged store, an unlisted model and a stale PID file are found", async () => {
  await using server = provider(["other"], "none");
  await using folder = new CommandFolder({
    OPENAI_BASE_URL: `http://127.0.0.1:${server.addr.port}/v1`,
  });
  await Deno.mkdir(folder.dataDir, { mode: 0o700 });
  await Deno.writeTextFile(folder.pidFile, "rubbish");
  const path = join(folder.dataDir, "gateway.db");
  const database = new DatabaseSync(path);
  database.exec("CREATE TABLE t (a TEXT); CREATE INDEX i ON t (a)");
  database.prepare("INSERT INTO t SELECT hex(randomblob(100)) FROM pragma_function_list").run();
  database.close();
  const file = await Deno.open(path, { write: true });
  // In the middle of the table's pages.
  await file.seek(20_000, Deno.SeekMode.Start);
  await file.write(new Uint8Array(8_000).fill(7));
  file.close();
  const { code, errors, warnings } = await findings(folder, ["--skip", "mcp,files"]);
  assert.equal(code, 1);
  assert.equal(errors.length, 1);
  assert.match(errors[0]!, /^store: .*(?:is damaged: .*Restore a backup\.|malformed)/s);
  assert.match(warnings.join("\n"), /^llm: .* does not list gpt-4o-mini: .* It lists other\.$/m);
  assert.match(warnings.join("\n"), /^port: PID file .* is stale: it is not a PID file/m);
});

Deno.test("doctor reads models.yaml and secrets.yaml and fails if a start would", async () => {
  await using server = provider(["there"], "right");
  await using folder = new CommandFolder({ CLARA_GATEWAY_HOST: "0.0.0.0" });
  const base_url = `http://127.0.0.1:${server.addr.port}/v1`;
  const write = (name: string, content: unknown) =>
    Deno.writeTextFile(join(folder.path, name), JSON.stringify(content));
  await write("models.yaml", {
    providers: { good: { base_url, api_key: "right" }, bad: { base_url, api_key: "wrong" } },
    models: { there: { provider: "good" }, gone: { provider: "good" }, none: { provider: "bad" } },
  });
  // Without secrets everybody could connect.
  await write("secrets.yaml", { secrets: [] });
  const first = await findings(folder);
  assert.equal(first.code, 1);
  assert.match(first.errors.join("\n"), /^config: Cannot listen on "0\.0\.0\.0" without a secret/m);
  assert.match(
    first.errors.join("\n"),
    /^llm: .* rejects the key \(401\): check api_key in .*models\.yaml/m,
  );
  assert.match(first.warnings.join("\n"), /^llm: .* does not list gone: check .*models\.yaml/m);
  assert.match(first.ok.join("\n"), /^files: \.\/models\.yaml: 3 models$/m);
  assert.match(first.ok.join("\n"), /^files: \.\/secrets\.yaml: 0 secrets$/m);

  await write("models.yaml", { providers: {}, models: { m: { provider: "nobody" } } });
  await write("secrets.yaml", { secrets: [{ name: "bot", secret: "s", scopes: ["all"] }] });
  const second = await findings(folder);
  assert.equal(second.code, 1);
  assert.deepEqual(second.errors.map((text) => text.split(":").slice(0, 2).join(":")), [
    "files: Cannot use ./secrets.yaml",
    "files: Cannot use ./models.yaml",
  ]);
  assert.match(second.warnings.join("\n"), /^llm: not checked/m);
});

Deno.test("an unknown check cannot be skipped", async () => {
  await using folder = new CommandFolder();
  const { code, err } = await folder.run(["doctor", "--skip", "mpc"]);
  assert.deepEqual([code, err], [2, 'Cannot skip "mpc"; did you mean mcp?\n']);
});
