/** Install sources of MCP servers: packages, command lines and URLs. */

import assert from "node:assert/strict";
import { ConfigError } from "../../../src/lib/config_error.ts";
import { sourceToEntry, splitCommandLine } from "../../../src/tools/mcp/install_source.ts";

const sources: readonly (readonly [source: string, name: string, entry: object])[] = [
  [
    "@modelcontextprotocol/server-everything@2026.8.31",
    "everything",
    { command: "npx", args: ["-y", "@modelcontextprotocol/server-everything@2026.8.31"] },
  ],
  ["weather-mcp", "weather", { command: "npx", args: ["-y", "weather-mcp"] }],
  [" https://mcp.example.com/mcp ", "mcp-example-com", { url: "https://mcp.example.com/mcp" }],
  [
    "npx -y @scope/server-files '/home/a b'",
    "files",
    { command: "npx", args: ["-y", "@scope/server-files", "/home/a b"] },
  ],
  ['"/opt/my tools/run.py" --fast', "run", { command: "/opt/my tools/run.py", args: ["--fast"] }],
  ["uvx mcp-server-git", "git", { command: "uvx", args: ["mcp-server-git"] }],
];

const names: readonly (readonly [source: string, name: string])[] = [
  ["npx -y @scope/server-name dir", "name"],
  ["npx -y @modelcontextprotocol/server-filesystem@1.2.3 notes", "filesystem"],
  ["npx --package some-package tool-mcp", "tool"],
  ["uvx --from git+https://example.com/x.git mcp-server-time --local UTC", "time"],
  ["uv --directory work run weather.py", "weather"],
  ["python3 -m mcp_server_git --repository .", "git"],
  ["deno run --allow-all npm:@scope/files-mcp notes", "files"],
  ["node --import hook.js server.js notes", "server"],
  ["docker run -i --rm -e TOKEN mcp/fetch:latest", "fetch"],
  ["/usr/local/bin/clock-mcp-server notes", "clock"],
];

for (const [source, name] of names) {
  Deno.test(`"${source}" is named "${name}"`, () => {
    assert.equal(sourceToEntry(source).name, name);
  });
}

for (const [source, name, entry] of sources) {
  Deno.test(`${source.trim()} becomes server "${name}"`, () => {
    assert.deepEqual(sourceToEntry(source), { name, entry });
  });
}

const unsupported: readonly (readonly [source: string, error: RegExp])[] = [
  ["smithery:exa", /Smithery's registry.*npm package or URL/],
  ["@smithery/cli-server/x", /Smithery/],
  ["https://github.com/owner/name", /a repository.*npx -y github:/],
  ["https://example.com/owner/name.git", /a repository/],
  ["git+https://example.com/name", /a repository/],
  ["git@github.com:owner/name.git", /a repository/],
  ["github:owner/name", /a repository/],
  ["owner/name", /a repository.*path begins with/],
];

for (const [source, error] of unsupported) {
  Deno.test(`${source} is refused with what to use instead`, () => {
    assert.throws(() => sourceToEntry(source), (thrown) => {
      assert(thrown instanceof ConfigError);
      assert.match(thrown.message, error);
      return true;
    });
  });
}

for (
  const source of [
    "npx -y github:owner/name",
    "./bin/server",
    "/opt/mcp/server",
    "https://mcp.example.com/x",
  ]
) {
  Deno.test(`${source} is supported`, () => {
    assert(sourceToEntry(source).entry);
  });
}

Deno.test("a command line is not interpreted by a shell", () => {
  const { entry } = sourceToEntry("echo $(id) `id` ; rm -rf / && a|b > c");
  assert.deepEqual(entry, {
    command: "echo",
    args: ["$(id)", "`id`", ";", "rm", "-rf", "/", "&&", "a|b", ">", "c"],
  });
});

Deno.test("quotes keep words together, even empty ones and those with other quotes", () => {
  assert.deepEqual(splitCommandLine(`a 'b c' "d'e" f"g h"i '' "x"'y'`), [
    "a",
    "b c",
    "d'e",
    "fg hi",
    "",
    "xy",
  ]);
});

for (const source of ["", "  ", "'open", 'a "b', "http://"]) {
  Deno.test(`${JSON.stringify(source)} is not a valid source`, () => {
    assert.throws(() => sourceToEntry(source), ConfigError);
  });
}
