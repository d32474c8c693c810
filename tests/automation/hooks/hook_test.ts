/** Which events a hook handles. */

import assert from "node:assert/strict";
import {
  type EventMap,
  type EventName,
  eventNames,
  type GatewayEvent,
} from "../../../src/domain/events.ts";
import { type Hook, isEventPattern, matchesEvent } from "../../../src/automation/hooks/hook.ts";
import { matchesGlob } from "../../../src/lib/glob.ts";
import { hookOf } from "./sample_hook.ts";

function eventOf<Name extends EventName>(name: Name, data: EventMap[Name]): GatewayEvent {
  return { name, at: new Date(0), data } as GatewayEvent;
}

const toolStart = eventOf("tool:start", {
  node_id: "node-1",
  platform: "discord",
  user_id: "user-1",
  channel_id: "channel-1",
  request_id: "request-1",
  tool_name: "read_file",
  call_id: "c1",
});
const startup = eventOf("gateway:startup", { address: "127.0.0.1:1", version: "1" });

/** Returns the events that a pattern matches. */
function matching(pattern: string): readonly string[] {
  return eventNames.filter((name) => matchesGlob(pattern, name));
}

Deno.test("a pattern is the name of an event, and * matches any characters", () => {
  assert.deepEqual(matching("*"), eventNames);
  assert.deepEqual(matching("tool:*"), ["tool:start", "tool:end", "tool:error"]);
  assert.deepEqual(matching("*:error"), ["message:error", "tool:error", "hook:error"]);
  assert.deepEqual(matching("*error"), [
    "message:error",
    "tool:error",
    "scheduler:task_error",
    "hook:error",
  ]);
  assert.deepEqual(matching("tool:error"), ["tool:error"]);
  assert.deepEqual(matching("s*:*t"), ["session:start", "session:timeout"]);
  for (const pattern of ["tool", "tool:", "Tool:error", "tool:error ", "", "tool:.*", "tool:?nd"]) {
    assert.deepEqual(matching(pattern), [], pattern);
    assert.equal(isEventPattern(pattern), false, pattern);
  }
});

const filters: readonly (readonly [when: Hook["when"], fits: boolean])[] = [
  [{}, true],
  [{ platform: ["discord"] }, true],
  [{ platform: ["teams"] }, false],
  [{ platform: ["teams", "dis*"] }, true],
  [{ platform: ["Discord"] }, false],
  [{ channel: ["channel-1"] }, true],
  [{ channel: ["channel-*"], user: ["user-2"] }, false],
  [{ channel: ["channel-*"], user: ["user-1"], tool: ["read_*"], platform: ["*"] }, true],
  [{ tool: ["read_file"] }, true],
  [{ tool: ["read"] }, false],
  [{ tool: [] }, false],
];

for (const [when, fits] of filters) {
  Deno.test(`the condition ${JSON.stringify(when)} ${fits ? "matches" : "does not match"}`, () => {
    assert.equal(matchesEvent(hookOf({ when }), toolStart), fits);
  });
}

Deno.test("a condition on a field that an event lacks does not match", () => {
  assert.equal(matchesEvent(hookOf({}), startup), true);
  for (const key of ["platform", "channel", "user", "tool"]) {
    assert.equal(matchesEvent(hookOf({ when: { [key]: ["*"] } }), startup), false, key);
  }
});

Deno.test("a disabled hook, or one for another event, does not match", () => {
  assert.equal(matchesEvent(hookOf({ enabled: false }), toolStart), false);
  assert.equal(matchesEvent(hookOf({ event: "tool:end" }), toolStart), false);
  assert.equal(matchesEvent(hookOf({ event: "tool:*" }), toolStart), true);
});

Deno.test("a hook does not handle its own failure, but other hooks do", () => {
  const failed = eventOf("hook:error", {
    hook_name: "mine",
    failed_event: "tool:end",
    duration_ms: 1,
    error: "no",
  });
  for (const event of ["*", "hook:error", "*:error"] as const) {
    assert.equal(matchesEvent(hookOf({ name: "mine", event }), failed), false);
    assert.equal(matchesEvent(hookOf({ name: "other", event }), failed), true);
  }
});
