import assert from "node:assert/strict";
import { askAdmin } from "../../support/admin_request.ts";
import { PluginFolder } from "../../support/plugin_folder.ts";
import { TestGateway } from "../../support/test_gateway.ts";

const secret = "hidden-secret";
const apiKey = "hidden-key";
const token = "hidden-token";

const paths: readonly (readonly [method: string, path: string])[] = [
  ["GET", "/hooks"],
  ["GET", "/hooks/results"],
  ["POST", "/hooks/touch/test"],
  ["GET", "/tasks"],
  ["GET", "/tasks/results"],
  ["GET", "/tasks/next"],
  ["POST", "/tasks/touch/run"],
  ["POST", "/reload"],
  ["GET", ""],
  ["GET", "/nothing"],
  ["OPTIONS", "/hooks"],
  ["DELETE", "/hooks"],
];

/** A folder whose hook and task create a file when they run. */
function traces(): PluginFolder {
  return new PluginFolder({
    "hooks.yaml": `
hooks:
  - { name: touch, event: "tool:end", command: touch ran, env: { TOKEN: "\${TOKEN}" } }`,
    "scheduler.yaml": `
tasks:
  - { name: touch, type: interval, interval: 3600, command: touch ran, env: { TOKEN: "\${TOKEN}" } }`,
  });
}

async function assertNothingRan(folder: PluginFolder): Promise<void> {
  await assert.rejects(Deno.stat(folder.file("ran")), Deno.errors.NotFound);
}

Deno.test("every path requires the secret, and rate-limits after ten wrong ones", async () => {
  await using folder = traces();
  await using gateway = await TestGateway.start({
    llm: "echo",
    config: { ...folder.config, secret },
  });
  const offers = [{}, { secret: "wrong" }, { headers: { authorization: secret } }] as const;
  const statuses: number[] = [];
  for (const offer of offers) {
    for (const [method, path] of paths) {
      const { status, text } = await askAdmin(gateway, path, { method, ...offer });
      statuses.push(status);
      assert.match(text, status === 401 ? /Wrong or missing secret/ : /Too many wrong secrets/);
    }
  }
  assert.deepEqual(statuses, statuses.map((_, index) => index < 10 ? 401 : 429));
  await assertNothingRan(folder);
  // Guessing does not lock out clients with the right secret.
  assert.equal((await askAdmin(gateway, "/hooks", { secret })).status, 200);
});

Deno.test("a page from another site is rejected even with the secret, with the reason", async () => {
  await using gateway = await TestGateway.start({ llm: "echo", config: { secret } });
  const headers = { origin: "https://evil.example" };
  const { status, body } = await askAdmin(gateway, "/hooks", { secret, headers });
  assert.equal(status, 403);
  assert.match(body.error!, /CLARA_ALLOWED_ORIGINS/);
});

Deno.test("without a secret local programs have access, web pages do not", async () => {
  await using folder = traces();
  await using gateway = await TestGateway.start({ llm: "echo", config: folder.config });
  const { host } = new URL(gateway.httpUrl);
  for (const [method, path] of paths) {
    for (const origin of ["https://evil.example", "null", "http://localhost:1"]) {
      const { status, body } = await askAdmin(gateway, path, { method, headers: { origin } });
      assert.equal(status, 403, `${method} ${path} from ${origin}`);
      assert.match(body.error!, /on this machine.*CLARA_ALLOWED_ORIGINS/);
    }
    // The name resolves to this machine, so for the browser this is the page's own origin.
    for (const name of ["evil.example", `${host}.evil.example`, "localhost.evil.example:80"]) {
      const [line] = await rawRequest(host, `${method} /admin${path} HTTP/1.1\r\nHost: ${name}`);
      assert.match(line!, /^HTTP\/1\.1 403 /, `${method} ${path} as ${name}`);
    }
  }
  await assertNothingRan(folder);
  assert.equal((await askAdmin(gateway, "/hooks")).status, 200);
  assert.equal(
    (await askAdmin(gateway, "/hooks", { headers: { origin: gateway.httpUrl } })).status,
    200,
  );
});

Deno.test("no response contains secrets of the gateway or of commands", async () => {
  await using folder = traces();
  const environment = (name: string) => name === "TOKEN" ? token : undefined;
  await using gateway = await TestGateway.start({
    config: { ...folder.config, secret, environment, llm: { apiKey } },
  });
  for (const [method, path] of paths) {
    const { status, text } = await askAdmin(gateway, path, { method, secret });
    assert.ok([200, 404].includes(status), `${method} ${path}: ${status}`);
    for (const hidden of [secret, apiKey, token]) assert.ok(!text.includes(hidden), text);
  }
  await Deno.stat(folder.file("ran"));
});

/** Sends a raw request and returns the lines of the response. */
async function rawRequest(host: string, head: string): Promise<readonly string[]> {
  const [hostname, port] = host.split(":");
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const request = `${head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(request));
  return (await new Response(connection.readable).text()).split("\r\n");
}
