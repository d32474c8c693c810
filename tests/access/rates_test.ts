import assert from "node:assert/strict";
import { RegistrationRates } from "../../src/access/rates.ts";

const address = "10.0.0.1";

Deno.test("an adapter may register a hundred times at once, then once per second", () => {
  let now = 0;
  const rates = new RegistrationRates({ connections: 10_000, now: () => now });
  const take = () => rates.take({ nodeId: "loop", address });
  for (let count = 0; count < 100; count++) assert.equal(take(), undefined);
  const refusal = take()!;
  assert.equal(refusal.code, "rate_limited");
  assert.equal(refusal.recoverable, true);
  assert.deepEqual(refusal.details, { retry_after_ms: 1000 });
  assert.equal(rates.take({ nodeId: "other", address }), undefined);
  now += 1000;
  assert.equal(take(), undefined);
  assert.equal(take()?.code, "rate_limited");
});

Deno.test("all adapters of an address may reconnect at once, but invented ones are limited", () => {
  let [now, invented] = [0, 0];
  const rates = new RegistrationRates({ connections: 10_000, now: () => now });
  const take = (from = address) => rates.take({ nodeId: `invented ${invented++}`, address: from });
  for (let count = 0; count < 10_000; count++) assert.equal(take(), undefined);
  assert.match(take()!.message, /adapters of your address register too often/);
  assert.equal(take("10.0.0.2"), undefined);
  now += 10;
  for (let count = 0; count < 10; count++) assert.equal(take(), undefined);
  assert.equal(take()?.code, "rate_limited");
});
