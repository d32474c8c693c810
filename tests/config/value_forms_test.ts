/** Settings as people write them: understood, or refused with the reason. */

import assert from "node:assert/strict";
import { homedir } from "node:os";
import { parse } from "dotenv";
import {
  assertHeaderValue,
  isServiceLink,
  parseOrigin,
  parsePath,
  parseSecret,
  quoteHashes,
  serviceLinkNames,
} from "../../src/config/value_forms.ts";

const origins: readonly (readonly [string, string | RegExp])[] = [
  ["https://chat.example.com", "https://chat.example.com"],
  ["https://chat.example.com/", "https://chat.example.com"],
  ["HTTPS://Chat.Example.com", "https://chat.example.com"],
  ["https://chat.example.com:443", "https://chat.example.com"],
  ["http://chat.example.com:80/", "http://chat.example.com"],
  ["http://localhost:3000", "http://localhost:3000"],
  ["http://[::1]:8080/", "http://[::1]:8080"],
  ["https://bücher.example", "https://xn--bcher-kva.example"],
  ["app://obsidian.md", "app://obsidian.md"],
  ["null", "null"],
  ["https://chat.example.com/app", /never sends a path/],
  ["https://user@chat.example.com", /never sends a path or a password/],
  ["chat.example.com", /expected an origin such as/],
  ["localhost:3000", /expected an origin/],
  ["*", /any origin cannot be allowed/],
];
for (const [text, expected] of origins) {
  Deno.test(`the origin ${text} ${expected instanceof RegExp ? "is refused" : "is understood"}`, () => {
    if (expected instanceof RegExp) assert.throws(() => parseOrigin(text), expected);
    else assert.equal(parseOrigin(text), expected);
  });
}

Deno.test("~ and ${HOME} are the home folder, other variables are refused", () => {
  assert.equal(parsePath("~/data"), `${homedir()}/data`);
  assert.equal(parsePath("~"), homedir());
  assert.equal(parsePath("${HOME}/data"), `${homedir()}/data`);
  assert.equal(parsePath("$HOME/data"), `${homedir()}/data`);
  for (const path of ["/var/lib/clara", "./data", "a~b", "/price$/x"]) {
    assert.equal(parsePath(path), path);
  }
  for (const path of ["~bob/data", "${XDG_DATA_HOME}/clara", "$HOMEDIR/x", "$DATA"]) {
    assert.throws(() => parsePath(path), /whole path|only ~ and \$\{HOME\}/, path);
  }
});

Deno.test("white space around a secret is dropped, control characters within are refused", () => {
  assert.equal(parseSecret("s3cret\n"), "s3cret");
  assert.equal(parseSecret(" s3 cret\r\n"), "s3 cret");
  assert.equal(parseSecret("sésame"), "sésame");
  for (const secret of ["a\nb", "a\u0000b", "a\tb"]) {
    assert.throws(() => parseSecret(secret), /line break or control character/);
  }
});

Deno.test("an API key that no header can carry is refused", () => {
  assertHeaderValue("sk-proj-Az09_-.~");
  for (const key of ["sk-…", "“sk-1”", "sk 1", "clé"]) {
    assert.throws(() => assertHeaderValue(key), /an HTTP header cannot carry/);
  }
});

Deno.test("what Kubernetes sets for a Service called clara-gateway is not a setting", () => {
  assert(isServiceLink("tcp://10.96.12.7:18789"));
  assert(isServiceLink("udp://[fd00::1]:53"));
  assert(!isServiceLink("18789"));
  assert(!isServiceLink("https://example.com"));
  for (
    const name of [
      "CLARA_GATEWAY_SERVICE_HOST",
      "CLARA_GATEWAY_SERVICE_PORT_HTTP",
      "CLARA_GATEWAY_PORT_18789_TCP",
      "CLARA_GATEWAY_PORT_18789_TCP_ADDR",
    ]
  ) assert.match(name, serviceLinkNames);
  assert.doesNotMatch("CLARA_GATEWAY_PORT", serviceLinkNames);
});

const lines: readonly (readonly [string, string])[] = [
  ["SECRET=abc#def", "abc#def"],
  ["SECRET=abc # a comment", "abc"],
  ["SECRET=abc#def # a comment", "abc#def"],
  ['SECRET="abc # def"', "abc # def"],
  ["export SECRET=it's#1", "it's#1"],
  ["SECRET=abc#def\r", "abc#def"],
  ["SECRET=", ""],
  ["# SECRET=no\nSECRET=yes", "yes"],
];
for (const [text, expected] of lines) {
  Deno.test(`the .env line ${JSON.stringify(text)} means ${JSON.stringify(expected)}`, () => {
    assert.equal(parse(quoteHashes(text)).SECRET, expected);
  });
}
