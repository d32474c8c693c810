/** Outcomes that the store can never write: they are reported, and not retried for ever. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { TestGateway } from "../support/test_gateway.ts";

Deno.test("an outcome that the store rejects for good is an error, and the channel goes on", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const database = new DatabaseSync(join(gateway.dataDir, "gateway.db"));
  // Like a constraint, which rejects the same line every time.
  database.exec(
    `CREATE TRIGGER refuses BEFORE INSERT ON history WHEN new.content = 'Unheard of' BEGIN
       SELECT RAISE(ABORT, 'no such line');
     END`,
  );
  const refused = await adapter.replyTo(adapter.say("Unheard of"));
  assert.equal(refused.terminal.type, "error");
  assert.equal(refused.terminal.code, "internal_error");
  assert.match(refused.terminal.message!, /Something went wrong in the gateway/);
  assert.equal((await adapter.replyTo(adapter.say("Hello"))).text, "Hello");
  await gateway.restart();
  const { store } = await gateway.health() as { readonly store: Record<string, unknown> };
  assert.deepEqual([store.queued, store.running], [0, 0]);
  database.close();
});
