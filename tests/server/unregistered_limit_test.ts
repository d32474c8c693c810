/** The places of those who have not said who they are. */

import assert from "node:assert/strict";
import { UnregisteredConnectionLimit } from "../../src/server/unregistered_limit.ts";

Deno.test("strangers get half of the connections, those of one address a quarter", () => {
  const lobby = new UnregisteredConnectionLimit({ connections: 8 });
  const first = lobby.enter("a");
  lobby.enter("a");
  assert.deepEqual([lobby.hasRoom("a"), lobby.hasRoom("b")], [false, true]);
  lobby.enter("b");
  lobby.enter("c");
  assert.equal(lobby.hasRoom("d"), false);
  first();
  // A socket ends after its adapter has registered: that is no second place.
  first();
  assert.deepEqual([lobby.hasRoom("a"), lobby.hasRoom("d")], [true, true]);
  lobby.enter("a");
  assert.equal(lobby.hasRoom("d"), false);
});

Deno.test("with a single connection somebody may register", () => {
  const lobby = new UnregisteredConnectionLimit({ connections: 1 });
  assert.equal(lobby.hasRoom("a"), true);
  lobby.enter("a");
  assert.equal(lobby.hasRoom("b"), false);
});
