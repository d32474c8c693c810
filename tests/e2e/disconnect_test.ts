/** Adapters that disconnect during replies, and how that affects others. */

import assert from "node:assert/strict";
import { AdapterClient } from "../support/adapter/client.ts";
import { GatewayProcess } from "../support/process/gateway_process.ts";

Deno.test("adapters that disconnect during their replies do not block others", async () => {
  // A separate process, because a spinning gateway would block the test.
  await using gateway = await GatewayProcess.start({
    env: { CLARA_MAX_USER_MESSAGES_PER_MINUTE: "100000" },
  });
  for (let round = 0; round < 15; round++) {
    const client = await AdapterClient.connect({ url: gateway.url });
    for (let index = 0; index < 60; index++) {
      client.say(`message ${index}`, { channelId: `channel ${index}` });
    }
    // Disconnects during its replies, a little later each time.
    await client.waitFor(() => client.frames.length > 1 + round * 12);
    await client.close();
  }
  await using adapter = await AdapterClient.connect({ url: gateway.url });
  assert.equal((await adapter.replyTo(adapter.say("Still here"))).text, "Still here");
  assert.equal((await gateway.health()).status, "ok");
});
