/**
 * Commands for a gateway whose address was given: if it cannot be reached, they do not use this machine's
 * store instead; if it is on this machine, they bypass proxies.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { writePidFile } from "../../../src/cli/daemon/pid_file.ts";
import { runCommand } from "../../support/process/command_process.ts";
import { tablesWith } from "../../support/database_text.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";
import { TestGateway } from "../../support/test_gateway.ts";

/** Nothing listens here. */
const nowhere = "ws://127.0.0.1:9";

const commands = [
  ["forget", "--user", "test:ada"],
  ["sessions", "list"],
  ["sessions", "end", "1"],
  ["memory", "forget", "--user", "test:ada", "--all"],
  ["memory", "list", "--user", "test:ada"],
  ["usage"],
  ["hooks", "list"],
  ["tasks", "list"],
  ["mcp", "list"],
];

Deno.test("a named gateway that cannot be reached is an error, and the local store is left alone", async () => {
  await using gateway = await TestGateway.start();
  {
    await using adapter = await gateway.connect();
    await adapter.replyTo(adapter.say("Hello", { userId: "ada" }));
  }
  await gateway.stop();
  const { dataDir } = gateway;
  const env = { CLARA_DATA_DIR: dataDir };
  await Promise.all(commands.map(async (words) => {
    const { code, out, err } = await runCommand(words, { cwd: dataDir, url: nowhere, env });
    assert.deepEqual([code, out], [1, ""], words.join(" "));
    assert.match(err, /^Cannot reach the gateway at 127\.0\.0\.1:9\b[^\n]*$/, words.join(" "));
  }));
  assert.ok(tablesWith(dataDir, ["ada"]).includes("requests"));
});

Deno.test("so is a gateway that is running according to its PID file", async () => {
  await using folder = new TempFolder();
  using _ = await writePidFile(join(folder.path, "gateway.pid"), {
    address: "127.0.0.1:9",
    dataDir: folder.path,
    background: false,
    flags: {},
    cwd: folder.path,
  });
  const env = { CLARA_DATA_DIR: folder.path };
  const { code, err } = await runCommand(["usage"], { cwd: folder.path, env });
  assert.equal(code, 1);
  assert.match(err, /^Cannot reach the gateway at 127\.0\.0\.1:9\b/);
});

Deno.test("the secret of a gateway on this machine is not sent to a proxy", async () => {
  await using gateway = await TestGateway.start({ config: { secret: "the secret" } });
  let asked = 0;
  await using proxy = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
    asked++;
    return new Response("I am the proxy", { status: 502 });
  });
  const address = `http://127.0.0.1:${proxy.addr.port}`;
  const { port } = new URL(gateway.url);
  for (const host of ["127.0.0.1", "localhost"]) {
    for (const words of [["usage"], ["mcp", "list"]]) {
      const { code, err } = await runCommand(words, {
        cwd: gateway.dataDir,
        url: `ws://${host}:${port}`,
        env: {
          CLARA_GATEWAY_SECRET: "the secret",
          HTTP_PROXY: address,
          http_proxy: address,
          NO_PROXY: "example.org",
        },
      });
      assert.deepEqual([code, err], [0, ""], `${words} at ${host}`);
    }
  }
  assert.equal(asked, 0);
});
