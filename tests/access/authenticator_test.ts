import assert from "node:assert/strict";
import { parseSecretsFile } from "../../src/access/secrets.ts";
import { Authenticator, bearerOf, sharedKey } from "../../src/access/authenticator.ts";

function check(
  authenticator: Authenticator,
  offered: readonly (string | null | undefined)[],
  address: string,
): string {
  return authenticator.check(offered, { scope: "adapter", address }).type;
}

/** Tries a wrong secret several times and returns the last result. */
function fail(authenticator: Authenticator, times: number, address = "1.1.1.1"): string {
  let last = "";
  for (let time = 0; time < times; time++) last = check(authenticator, ["wrong"], address);
  return last;
}

Deno.test("without secrets everybody may connect", () => {
  const authenticator = new Authenticator([]);
  assert.equal(check(authenticator, [undefined, null, "anything"], "1.1.1.1"), "ok");
});

Deno.test("one right secret among those offered is enough", () => {
  const authenticator = new Authenticator([sharedKey("secret")]);
  assert.equal(check(authenticator, ["secret"], "1.1.1.1"), "ok");
  assert.equal(check(authenticator, [undefined, "secret"], "1.1.1.1"), "ok");
  assert.equal(check(authenticator, ["wrong", "secret"], "1.1.1.1"), "ok");
  for (const wrong of ["", "Secret", "secret ", "secre", "secrets"]) {
    assert.equal(check(authenticator, [wrong], "1.1.1.1"), "unauthorized");
  }
});

Deno.test("an address is rate-limited after ten failures in a minute, others are not", () => {
  let now = 0;
  const authenticator = new Authenticator([sharedKey("secret")], { now: () => now });
  assert.equal(fail(authenticator, 10), "unauthorized");
  assert.equal(fail(authenticator, 1), "rate_limited");
  assert.equal(fail(authenticator, 1, "2.2.2.2"), "unauthorized");
  assert.equal(check(authenticator, ["secret"], "1.1.1.1"), "ok");
  now = 60_001;
  assert.equal(fail(authenticator, 1), "unauthorized");
});

Deno.test("only the failures of the newest addresses are kept", () => {
  const authenticator = new Authenticator([sharedKey("secret")]);
  assert.equal(fail(authenticator, 11, "first"), "rate_limited");
  for (let index = 0; index < 10_000; index++) fail(authenticator, 1, `address ${index}`);
  assert.equal(fail(authenticator, 1, "first"), "unauthorized");
  assert.equal(fail(authenticator, 10, "address 9999"), "rate_limited");
});

Deno.test("only a Bearer secret is read from the header", () => {
  const read = (authorization: string) => bearerOf(new Headers({ authorization }));
  assert.equal(read("Bearer secret"), "secret");
  assert.equal(read("bearer  secret "), "secret");
  assert.equal(read("Basic secret"), undefined);
  assert.equal(read("Bearer"), undefined);
  assert.equal(bearerOf(new Headers()), undefined);
});

Deno.test("a right secret without the scope is forbidden, not unauthorized", async () => {
  const text = `secrets:
  - name: discord
    secret: \${DISCORD}
  - name: ops
    sha256: "${"a".repeat(64)}"
    scopes: [admin]
`;
  const environment = (name: string) => name === "DISCORD" ? "dis" : undefined;
  const keys = await parseSecretsFile(text, { path: "secrets.yaml", environment });
  assert.deepEqual(keys.map(({ name, scopes }) => [name, scopes]), [
    ["discord", ["adapter"]],
    ["ops", ["admin"]],
  ]);
  const authenticator = new Authenticator(keys);
  const ask = (scope: "adapter" | "admin") =>
    authenticator.check(["dis"], { scope, address: "1.1.1.1" });
  assert.equal(ask("adapter").type, "ok");
  assert.equal(ask("admin").type, "forbidden");
  authenticator.replace([sharedKey("other")]);
  assert.equal(ask("adapter").type, "unauthorized");
});

Deno.test("errors in secrets.yaml name the line and contain no secret", async () => {
  const wrong = [
    [
      "secrets:\n  - name: a\n    secret: hidden\n    scopes: [root]\n",
      /s\.yaml:4: "secrets.0.scopes.0"/,
    ],
    ["secrets:\n  - name: a\n", /s\.yaml:2: "secrets.0": expected either "secret" or "sha256"/],
    ["secrets:\n  - name: a\n    secret: ${NOT_SET}\n", /NOT_SET is not set/],
  ] as const;
  for (const [text, pattern] of wrong) {
    const parsing = parseSecretsFile(text, { path: "s.yaml", environment: () => undefined });
    await assert.rejects(parsing, (error: Error) => {
      assert.match(error.message, pattern);
      assert.ok(!error.message.includes("hidden"));
      return true;
    });
  }
});
