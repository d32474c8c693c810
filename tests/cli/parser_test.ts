/** How command lines are parsed, and which errors they cause. */

import assert from "node:assert/strict";
import { parseCommandLine } from "../../src/cli/parser.ts";
import { commands } from "../../src/cli/table.ts";
import { optionsOf } from "../../src/cli/command.ts";
import { commandHelp } from "../../src/cli/help.ts";
import { ConfigError } from "../../src/lib/config_error.ts";

const meanings: readonly (readonly [
  args: string,
  command: string | undefined,
  flags: object,
  words?: readonly string[],
])[] = [
  ["", "run", {}],
  ["--port 80 --insecure", "run", { port: "80", insecure: true }],
  ["--port=80 run", "run", { port: "80" }],
  ["logs -fn 5", "logs", { follow: true, lines: "5" }],
  ["logs -n5", "logs", { lines: "5" }],
  ["--help", undefined, { help: true }],
  ["help", undefined, {}],
  ["help logs", "logs", { help: true }],
  ["help help", undefined, {}],
  ["logs -h", "logs", { help: true }],
  ["mcp list --json", "mcp", { json: true }, ["list"]],
  ["mcp add server --name x", "mcp", { name: "x" }, ["add", "server"]],
  [
    "mcp add npx -y --port 5 @scope/server-name dir --name x",
    "mcp",
    { name: "x" },
    ["add", "npx", "-y", "--port", "5", "@scope/server-name", "dir"],
  ],
  ["mcp add docker run -it --rm --tag=a mcp/x", "mcp", {}, [
    ..."add docker run -it --rm --tag=a mcp/x".split(" "),
  ]],
  ["mcp add server --mcp-config f", "mcp", { "mcp-config": "f" }, ["add", "server"]],
  ["mcp add -- npx --name y", "mcp", {}, ["add", "npx", "--name", "y"]],
  ["completions zsh", "completions", {}, ["zsh"]],
  ["completions --help", "completions", { help: true }],
  ["hooks dance --help", "hooks", { help: true }, ["dance"]],
  ["hooks help", "hooks", {}, ["help"]],
];

for (const [args, command, flags, words = []] of meanings) {
  Deno.test(`"${args}" is parsed`, () => {
    const found = parseCommandLine(args.split(" ").filter(Boolean));
    assert.equal(found.command?.name, command);
    assert.deepEqual(found.flags, flags);
    assert.deepEqual(found.words, words);
  });
}

const mistakes: readonly (readonly [args: string, says: RegExp])[] = [
  ["--prot 1", /^Unknown option --prot; did you mean --port\?$/],
  ["status --jsno", /^Unknown option --jsno; did you mean --json\?$/],
  ["run --log", /^Unknown option --log; did you mean --log-level\?|--logfile\?$/],
  ["run --backgroud x", /^Unknown option --backgroud$/],
  ["stop --follow", /^Unknown option --follow of stop; it belongs to logs$/],
  ["chat -n 5", /^Unknown option -n of chat; it belongs to logs$/],
  ["run --xyzzy", /^Unknown option --xyzzy$/],
  ["stat", /^Unknown command "stat"; did you mean status\?$/],
  ["strat", /^Unknown command "strat"; did you mean start\?$/],
  ["xyzzy", /^Unknown command "xyzzy"; expected one of run, start, /],
  ["help xyzzy", /^Unknown command "xyzzy"; /],
  ["start now", /^Cannot use "now" after start: see clara-gateway start --help$/],
  ["--port", /^Option --port needs a value; found nothing$/],
  ["run --port --host x", /^Option --port needs a value; found --host$/],
  ["status --json=yes", /^Option --json takes no value; found "yes"$/],
  ["hooks dance", /^Cannot use "dance" after hooks: expected one of list, test, results, reload$/],
  ["service install now", /^Cannot use "now" after service: see clara-gateway service --help$/],
  ["completions tcsh", /^Cannot use "tcsh" after completions: expected one of bash, zsh, fish$/],
];

for (const [args, says] of mistakes) {
  Deno.test(`"${args}" is refused with a hint`, () => {
    assert.throws(() => parseCommandLine(args.split(" ")), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, says);
      return true;
    });
  });
}

Deno.test("every command has a help text and can be loaded", async () => {
  for (const command of commands) {
    const help = commandHelp(command);
    assert.match(help, new RegExp(`^Usage: clara-gateway ${command.name} `));
    for (const { flag, hidden } of optionsOf(command)) {
      assert.equal(help.includes(`--${flag} `), !hidden, `${command.name} --${flag}`);
    }
    assert.equal(typeof await command.load(), "function");
  }
});
