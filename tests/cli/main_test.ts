/** The command line, in a process of its own: what it prints and the code with which it exits. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CommandFolder } from "../support/process/command_folder.ts";
import { GatewayProcess } from "../support/process/gateway_process.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Runs the program in an empty folder until it ends. */
async function run(
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly dotEnv?: string } = {},
) {
  await using folder = new TempFolder();
  if (options.dotEnv) await Deno.writeTextFile(join(folder.path, ".env"), options.dotEnv);
  const program = [
    "run",
    "--allow-all",
    "--config",
    join(root, "deno.json"),
    join(root, "main.ts"),
  ];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...program, ...args],
    cwd: folder.path,
    env: { NO_COLOR: "1", CLARA_DATA_DIR: join(folder.path, "data"), ...options.env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

Deno.test("--help prints the usage with every flag", async () => {
  const { code, out } = await run(["--help"]);
  assert.equal(code, 0);
  assert.match(out, /^clara-gateway \d+\.\d+\.\d+/);
  for (const word of ["run", "chat", "--port", "--host", "--data-dir", "--log-level", "--url"]) {
    assert.ok(out.includes(word), word);
  }
  assert.match(out, /--port … .*CLARA_GATEWAY_PORT; 18789/);
});

Deno.test("--version prints the version and nothing else", async () => {
  const { code, out, err } = await run(["--version"]);
  assert.equal(code, 0);
  assert.match(out, /^\d+\.\d+\.\d+\S*\n$/);
  assert.equal(err, "");
});

const wrongs: readonly {
  readonly name: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly dotEnv?: string;
  readonly says: RegExp;
}[] = [
  { name: "an unknown flag", args: ["--prot", "1"], says: /--prot/ },
  { name: "an unknown command", args: ["walk"], says: /Unknown command "walk"; there are run/ },
  { name: "a flag without its value", args: ["run", "--port"], says: /--port/ },
  {
    name: "a file of rules that is not there",
    args: ["--tools-config", "nowhere.yaml"],
    says: /CLARA_TOOLS_CONFIG="nowhere\.yaml": No such file/,
  },
  {
    name: "a port that is none",
    args: ["--port", "70000"],
    says: /--port="70000": expected a whole number from 0 to 65535/,
  },
  {
    name: "a wrong setting of the environment",
    env: { CLARA_MAX_TOOL_ROUNDS: "many" },
    says: /CLARA_MAX_TOOL_ROUNDS="many": expected a whole number of at least 1/,
  },
  {
    name: "a wrong setting of the .env file",
    dotEnv: "CLARA_LOG_LEVEL=loud\n",
    says: /CLARA_LOG_LEVEL \(in \.env\)="loud": expected one of debug, info, warning, error/,
  },
  {
    name: "a wrong URL of the model",
    env: { OPENAI_BASE_URL: "localhost:11434" },
    says: /OPENAI_BASE_URL="localhost:11434": expected an http:\/\/ or https:\/\/ URL/,
  },
  {
    name: "a persona that is not there",
    env: { CLARA_PERSONA_FILE: "nowhere.md" },
    says: /Cannot read CLARA_PERSONA_FILE "nowhere\.md"/,
  },
  {
    name: "an open door",
    args: ["--host", "0.0.0.0"],
    says: /Cannot listen on "0\.0\.0\.0" without a secret/,
  },
  {
    name: "a wrong URL of the gateway",
    args: ["chat", "--url", "http://localhost"],
    says: /--url="http:\/\/localhost": expected ws:\/\//,
  },
];

for (const { name, args = [], says, ...options } of wrongs) {
  Deno.test(`${name} ends with code 2 and a line that names it`, async () => {
    const { code, err } = await run(args, options);
    assert.equal(code, 2, err);
    assert.match(err, says);
    assert.doesNotMatch(err, /\n\s+at /);
  });
}

Deno.test("a data folder in use ends with code 1 and a line that says what to do", async () => {
  await using folder = new TempFolder();
  await using _gateway = await GatewayProcess.start({ dataDir: folder.path });
  const { code, err } = await run(["run", "--port", "0", "--data-dir", folder.path]);
  assert.equal(code, 1);
  assert.match(err, /Cannot use data folder ".*": another gateway is running on it\./);
  assert.doesNotMatch(err, /\n\s+at /);
});

Deno.test("a port in use ends with code 1 and a line that names it", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = String(listener.addr.port);
  const { code, err } = await run(["run", "--port", port]);
  assert.equal(code, 1, err);
  assert.ok(err.includes(port), err);
  assert.doesNotMatch(err, /\n\s+at /);
});

Deno.test("piped input is given up where no gateway runs", async () => {
  const { code, out } = await run(["chat", "--url", "ws://127.0.0.1:9"]);
  assert.equal(code, 1);
  assert.match(out, /no connection to ws:\/\/127\.0\.0\.1:9/);
});

Deno.test("output that nobody reads any more ends a command quietly", async () => {
  await using folder = new CommandFolder();
  for (const args of [["--help"], ["config"], ["completions", "fish"]]) {
    const { code, err } = await folder.runUnread(args);
    assert.equal(err, "", args.join(" "));
    // Deno 2.9 keeps it from the program that what it prints reaches nobody.
    assert.ok(code === 141 || code === 0, String(code));
  }
});

Deno.test("status of a gateway that says it cannot work ends with code 4", async () => {
  for (const [status, expected] of [["ok", 0], ["stopping", 0], ["error", 4]] as const) {
    const health = {
      status,
      version: "0.0.0",
      uptime_seconds: 1,
      llm: { kind: "echo", model: "echo" },
      store: {},
      adapters: { connected: 0, platforms: {} },
      queue: {},
    };
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => Response.json(health, { status: status === "ok" ? 200 : 503 }),
    );
    const env = { CLARA_GATEWAY_PORT: String(server.addr.port) };
    assert.equal((await run(["status"], { env })).code, expected, status);
  }
});
