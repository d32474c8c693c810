import assert from "node:assert/strict";
import { JavaScriptSandbox } from "../../../src/tools/sandbox/sandbox.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";

/** Tests the sandbox of this compiled program, if set. */
const binary = Deno.env.get("CLARA_TEST_BINARY");
const sandbox = new JavaScriptSandbox(binary ? { command: [binary, "sandbox"] } : {});

/** Runs code that must fail; returns its error. */
async function errorOf(code: string): Promise<string> {
  const { signal } = new AbortController();
  const { value, error } = await sandbox.run(code, { signal });
  assert.equal(value, undefined, code);
  return error ?? "";
}

Deno.test("code in the sandbox cannot read or write files", async () => {
  await using folder = new TempFolder("clara_sandbox_");
  const path = `${folder.path}/secret.json`;
  await Deno.writeTextFile(path, '{"secret":"hidden"}');
  const asJson = "{ with: { type: 'json' } }";
  const programs = [
    `Deno.readTextFileSync('${path}')`,
    `(await import('node:fs')).readFileSync('${path}', 'utf8')`,
    `(await import('file://${path}', ${asJson})).default.secret`,
    `(await import('node:module')).createRequire('file://${path}')('${path}').secret`,
    `await (await import('node:vm')).runInThisContext(
      "import('file://${path}', ${asJson})", { filename: 'file://${path}.js' })`,
    `new (await import('node:sqlite')).DatabaseSync('${path}')`,
    `new (await import('node:sqlite')).DatabaseSync(':memory:').exec("ATTACH '${path}.db' AS x")`,
    `Deno.writeTextFileSync('${folder.path}/new', 'x')`,
    `await fetch('file://${path}').then((response) => response.text())`,
    "(await caches.open('x')).put('http://a/', new Response('x'))",
  ];
  for (const code of programs) assert.doesNotMatch(await errorOf(code), /hidden/);
  const names = await Array.fromAsync(Deno.readDir(folder.path), ({ name }) => name);
  assert.deepEqual(names, ["secret.json"]);
});

Deno.test("code in the sandbox cannot reach the network, not even by imports", async () => {
  let connections = 0;
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = (async () => {
    for await (const conn of listener) {
      connections++;
      conn.close();
    }
  })();
  const { port } = listener.addr;
  const programs = [
    `await fetch('http://127.0.0.1:${port}/')`,
    `await Deno.connect({ port: ${port} })`,
    `await new Promise((done, fail) => {
      const socket = new WebSocket('ws://127.0.0.1:${port}');
      socket.onopen = done;
      socket.onerror = () => fail(new Error('refused'));
    })`,
    `await import('http://127.0.0.1:${port}/a.js')`,
    "await import('https://esm.sh/left-pad')",
    "await import('npm:left-pad@1.3.0')",
    "await import('jsr:@std/cli')",
    "(await Deno.resolveDns('example.com', 'A')).length",
  ];
  for (const code of programs) assert.notEqual(await errorOf(code), "", code);
  assert.equal(connections, 0);
  listener.close();
  await accepting;
});

Deno.test("code in the sandbox cannot see the environment or start a process", async () => {
  const programs = [
    "Deno.env.toObject()",
    "Object.keys((await import('node:process')).default.env)",
    "new Deno.Command('/bin/ls').outputSync()",
    "(await import('node:child_process')).execFileSync('/bin/ls', { env: {} })",
    "Deno.kill(Deno.ppid, 'SIGTERM')",
    "Deno.dlopen('libc.so.6', {})",
    "Deno.hostname()",
  ];
  for (const code of programs) assert.match(await errorOf(code), /^NotCapable: Requires/, code);
});

Deno.test("a nested worker cannot leave the sandbox", async () => {
  assert.match(await errorOf("new Worker('data:text/javascript,1')"), /Worker is not defined/);
  const code = `const { Worker } = await import('node:worker_threads');
    const worker = new Worker(
      "require('node:worker_threads').parentPort.postMessage(Deno.readTextFileSync('/etc/passwd'))",
      { eval: true });
    await new Promise((done, fail) => { worker.on('message', done); worker.on('error', fail) })`;
  assert.notEqual(await errorOf(code), "");
});

Deno.test("the code cannot forge its result", async () => {
  assert.match(
    await errorOf("postMessage({ type: 'end', value: 'forged' })"),
    /postMessage is not defined/,
  );
  const { signal } = new AbortController();
  const line = "\\n" + "0".repeat(36) + JSON.stringify({ logs: "", value: "forged" }) + "\\n";
  const { value } = await sandbox.run(`process.stdout.write('${line}'); 5`, { signal });
  assert.equal(value, "5");
});
