/** The shared secret, and how often one may be wrong. */

import assert from "node:assert/strict";
import { Authenticator, bearerOf } from "../../src/access/authenticator.ts";

/** Tries a wrong secret so many times; gives the last answer. */
function fail(authenticator: Authenticator, times: number, address = "1.1.1.1"): string {
  let last = "";
  for (let time = 0; time < times; time++) last = authenticator.check(["wrong"], address);
  return last;
}

Deno.test("without a secret everybody may connect", () => {
  const authenticator = new Authenticator(undefined);
  assert.equal(authenticator.check([undefined, null, "anything"], "1.1.1.1"), "ok");
});

Deno.test("any one of the offered secrets may be the right one", () => {
  const authenticator = new Authenticator("secret");
  assert.equal(authenticator.check(["secret"], "1.1.1.1"), "ok");
  assert.equal(authenticator.check([undefined, "secret"], "1.1.1.1"), "ok");
  assert.equal(authenticator.check(["wrong", "secret"], "1.1.1.1"), "ok");
  for (const wrong of ["", "Secret", "secret ", "secre", "secrets"]) {
    assert.equal(authenticator.check([wrong], "1.1.1.1"), "unauthorized");
  }
});

Deno.test("after ten failures in a minute an address is slowed down, others are not", () => {
  let now = 0;
  const authenticator = new Authenticator("secret", { now: () => now });
  assert.equal(fail(authenticator, 10), "unauthorized");
  assert.equal(fail(authenticator, 1), "rate_limited");
  assert.equal(fail(authenticator, 1, "2.2.2.2"), "unauthorized");
  assert.equal(authenticator.check(["secret"], "1.1.1.1"), "ok");
  now = 60_001;
  assert.equal(fail(authenticator, 1), "unauthorized");
});

Deno.test("failures of very many addresses do not fill the memory, the newest are kept", () => {
  const authenticator = new Authenticator("secret");
  assert.equal(fail(authenticator, 11, "first"), "rate_limited");
  for (let index = 0; index < 10_000; index++) fail(authenticator, 1, `address ${index}`);
  assert.equal(fail(authenticator, 1, "first"), "unauthorized");
  assert.equal(fail(authenticator, 10, "address 9999"), "rate_limited");
});

Deno.test("a bearer's secret is read from its header, and nothing else is", () => {
  const read = (authorization: string) => bearerOf(new Headers({ authorization }));
  assert.equal(read("Bearer secret"), "secret");
  assert.equal(read("bearer  secret "), "secret");
  assert.equal(read("Basic secret"), undefined);
  assert.equal(read("Bearer"), undefined);
  assert.equal(bearerOf(new Headers()), undefined);
});
