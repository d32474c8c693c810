import assert from "node:assert/strict";
import { UnregisteredConnectionLimit } from "../../src/server/listener.ts";

Deno.test("unregistered connections get half of all places, those of one address a quarter", () => {
  const limit = new UnregisteredConnectionLimit({ connections: 8 });
  const release = limit.add("a");
  limit.add("a");
  assert.deepEqual([limit.hasCapacity("a"), limit.hasCapacity("b")], [false, true]);
  limit.add("b");
  limit.add("c");
  assert.equal(limit.hasCapacity("d"), false);
  release();
  // The adapter registered and its socket closed later: that releases one place, not two.
  release();
  assert.deepEqual([limit.hasCapacity("a"), limit.hasCapacity("d")], [true, true]);
  limit.add("a");
  assert.equal(limit.hasCapacity("d"), false);
});

Deno.test("with a limit of one connection an adapter can still register", () => {
  const limit = new UnregisteredConnectionLimit({ connections: 1 });
  assert.equal(limit.hasCapacity("a"), true);
  limit.add("a");
  assert.equal(limit.hasCapacity("b"), false);
});
