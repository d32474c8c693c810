/** The types for plugins, checked at compile time, and a plugin that uses them. */

import assert from "node:assert/strict";
import type { EventOf, Gateway, HookEvent } from "../../../src/automation/plugins/plugin.ts";
import { PluginHost } from "../../../src/automation/plugins/host.ts";
import { ToolRegistry } from "../../../src/tools/registry.ts";
import type { Hook } from "../../../src/automation/hooks/hook.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

const one: Same<EventOf<"tool:error">, HookEvent<"tool:error">> = true;
const kind: Same<EventOf<"tool:*">, HookEvent<"tool:start" | "tool:end" | "tool:error">> = true;
const all: Same<EventOf<"*">, HookEvent> = true;
const others: Same<EventOf<"*:error">, HookEvent> = true;
const content: Same<EventOf<"message:sent">["data"]["tool_count"], number> = true;
const who: Same<EventOf<"session:start">["user_id"], string | null> = true;

/** Uses the types without casts. */
function plugin(gateway: Gateway): void {
  gateway.hook("message:sent", ({ data, user_id }) => `${user_id} ${data.content.length}`);
  gateway.hook("tool:*", ({ type, data }) => `${type} ${data.tool_name}`);
  gateway.hook("*", (event, { signal }) => {
    if (event.type === "hook:error") return event.data.failed_event;
    return signal.aborted;
  }, { priority: 3, when: { platform: "discord", user: ["a*", "b"] } });
}

Deno.test("a plugin that type-checks is accepted", async () => {
  assert.deepEqual([one, kind, all, others, content, who], Array(6).fill(true));
  let hooks: readonly Hook[] = [];
  const host = new PluginHost("typed.ts", {
    hooks: { replace: (_, found) => hooks = found },
    scheduler: { replace: () => Promise.resolve() },
    registry: new ToolRegistry(),
  });
  plugin(host.gateway);
  await host.activate();
  assert.deepEqual(
    hooks.map(({ name, priority, when }) => [name, priority, when]),
    [
      ["typed.ts message:sent", 0, {}],
      ["typed.ts tool:*", 0, {}],
      ["typed.ts *", 3, { platform: ["discord"], user: ["a*", "b"] }],
    ],
  );
});
