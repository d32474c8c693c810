import assert from "node:assert/strict";
import { retryAfterMs } from "../../src/llm/failure.ts";

Deno.test("Retry-After is read in seconds, as a date and in milliseconds", () => {
  const now = Date.UTC(2026, 0, 1);
  const read = (headers: Record<string, string>) => retryAfterMs(new Headers(headers), now);
  assert.equal(read({ "retry-after": "7" }), 7000);
  assert.equal(read({ "retry-after": "0.5" }), 500);
  assert.equal(read({ "retry-after": new Date(now + 90_000).toUTCString() }), 90_000);
  assert.equal(read({ "retry-after": new Date(now - 90_000).toUTCString() }), 0);
  assert.equal(read({ "retry-after-ms": "250", "retry-after": "7" }), 250);
  assert.equal(read({ "retry-after": "999999999" }), 3_600_000);
  assert.equal(read({ "retry-after": "soon" }), undefined);
  assert.equal(read({}), undefined);
});
