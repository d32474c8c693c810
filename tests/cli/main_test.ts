/** The command line as a process: its output and exit codes. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CommandFolder } from "../support/process/command_folder.ts";
import { GatewayProcess } from "../support/process/gateway_process.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Runs the program in an empty folder. */
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

Deno.test("help COMMAND prints the help of the command and does not run it", async () => {
  const asked = await run(["help", "status"]);
  assert.equal(asked.code, 0);
  assert.match(asked.out, /^Usage: clara-gateway status/);
  assert.deepEqual(asked, await run(["status", "--help"]));
});

Deno.test("--version prints the version and nothing else", async () => {
  const { code, out, err } = await run(["--version"]);
  assert.equal(code, 0);
  assert.match(out, /^\d+\.\d+\.\d+\S*\n$/);
  assert.equal(err, "");
});

const invalid: readonly {
  readonly name: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly dotEnv?: string;
  readonly says: RegExp;
}[] = [
  { name: "an unknown flag", args: ["--prot", "1"], says: /--prot/ },
  {
    name: "an unknown command",
    args: ["walk"],
    says: /Unknown command "walk"; expected one of run/,
  },
  { name: "a flag without its value", args: ["run", "--port"], says: /--port/ },
  {
    name: "a missing tool policy",
    args: ["--tools-config", "nowhere.yaml"],
    says: /CLARA_TOOLS_CONFIG="nowhere\.yaml": No such file/,
  },
  {
    name: "a port out of range",
    args: ["--port", "70000"],
    says: /--port="70000": expected a whole number from 0 to 65535/,
  },
  {
    name: "an invalid setting in the environment",
    env: { CLARA_MAX_TOOL_ROUNDS: "many" },
    says: /CLARA_MAX_TOOL_ROUNDS="many": expected a whole number of at least 1/,
  },
  {
    name: "an invalid setting in the .env file",
    dotEnv: "CLARA_LOG_LEVEL=loud\n",
    says: /CLARA_LOG_LEVEL \(in \.env\)="loud": expected one of debug, info, warning, error/,
  },
  {
    name: "an invalid URL of the model",
    env: { OPENAI_BASE_URL: "localhost:11434" },
    says: /OPENAI_BASE_URL="localhost:11434": expected an http:\/\/ or https:\/\/ URL/,
  },
  {
    name: "a missing persona",
    env: { CLARA_PERSONA_FILE: "nowhere.md" },
    says: /Cannot read CLARA_PERSONA_FILE "nowhere\.md"/,
  },
  {
    name: "a public host without a secret",
    args: ["--host", "0.0.0.0"],
    says: /Cannot listen on "0\.0\.0\.0" without a secret/,
  },
  {
    name: "an invalid URL of the gateway",
    args: ["chat", "--url", "http://localhost"],
    says: /--url="http:\/\/localhost": expected ws:\/\//,
  },
];

for (const { name, args = [], says, ...options } of invalid) {
  Deno.test(`${name} exits with code 2 and a line that names it`, async () => {
    const { code, err } = await run(args, options);
    assert.equal(code, 2, err);
    assert.match(err, says);
    assert.doesNotMatch(err, /\n\s+at /);
  });
}

Deno.test("a data folder in use exits with code 1 and says what to do", async () => {
  await using folder = new TempFolder();
  await using _gateway = await GatewayProcess.start({ dataDir: folder.path });
  const { code, err } = await run(["run", "--port", "0", "--data-dir", folder.path]);
  assert.equal(code, 1);
  assert.match(err, /Cannot use data folder ".*": another gateway is running on it\./);
  assert.doesNotMatch(err, /\n\s+at /);
});

Deno.test("a port in use exits with code 1 and a line that names it", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = String(listener.addr.port);
  const { code, err } = await run(["run", "--port", port]);
  assert.equal(code, 1, err);
  assert.ok(err.includes(port), err);
  assert.doesNotMatch(err, /\n\s+at /);
});

Deno.test("chat gives up piped input if no gateway is running", async () => {
  const { code, out } = await run(["chat", "--url", "ws://127.0.0.1:9"]);
  assert.equal(code, 1);
  assert.match(out, /no connection to ws:\/\/127\.0\.0\.1:9/);
});

Deno.test("a command ends quietly when its output pipe is closed", async () => {
  await using folder = new CommandFolder();
  for (const args of [["--help"], ["config"], ["completions", "fish"]]) {
    const { code, err } = await folder.runUnread(args);
    assert.equal(err, "", args.join(" "));
    // Deno 2.9 hides the closed pipe from the program.
    assert.ok(code === 141 || code === 0, String(code));
  }
});

Deno.test("status exits with code 4 if the gateway reports that it cannot work", async () => {
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
