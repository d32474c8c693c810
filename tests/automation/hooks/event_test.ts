/** Events as environment variables: every scalar, within the limits of the system. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { EventMap, EventName, GatewayEvent } from "../../../src/domain/events.ts";
import { eventVariables, toHookEvent } from "../../../src/automation/hooks/event.ts";

const origin = {
  node_id: "node-1",
  platform: "discord",
  user_id: "user-1",
  channel_id: "channel-1",
  request_id: "request-1",
} as const;

function hookEvent<Name extends EventName>(name: Name, data: EventMap[Name]) {
  const at = new Date("2030-01-02T03:04:05.678Z");
  return toHookEvent({ name, at, data } as GatewayEvent);
}

/** Returns the variables of a message with this content. */
function received(content: string) {
  return eventVariables(hookEvent("message:received", { ...origin, content }));
}

Deno.test("each field of an event is a variable, and the whole event is JSON", () => {
  const event = hookEvent("tool:error", {
    ...origin,
    tool_name: "read_file",
    call_id: "c1",
    duration_ms: 12,
    error: "no such file",
  });
  const { CLARA_EVENT_DATA, ...others } = eventVariables(event);
  assert.deepEqual(others, {
    CLARA_EVENT_TYPE: "tool:error",
    CLARA_TIMESTAMP: "2030-01-02T03:04:05.678Z",
    CLARA_NODE_ID: "node-1",
    CLARA_PLATFORM: "discord",
    CLARA_USER_ID: "user-1",
    CLARA_CHANNEL_ID: "channel-1",
    CLARA_REQUEST_ID: "request-1",
    CLARA_TOOL_NAME: "read_file",
    CLARA_CALL_ID: "c1",
    CLARA_DURATION_MS: "12",
    CLARA_ERROR: "no such file",
  });
  assert.deepEqual(JSON.parse(CLARA_EVENT_DATA!), {
    type: "tool:error",
    timestamp: "2030-01-02T03:04:05.678Z",
    ...origin,
    task_name: null,
    data: { tool_name: "read_file", call_id: "c1", duration_ms: 12, error: "no such file" },
  });
});

Deno.test("variables of missing ids are set to an empty text", () => {
  const { CLARA_EVENT_DATA, ...others } = eventVariables(
    hookEvent("gateway:startup", { address: "[::1]:1", version: "0.1.0" }),
  );
  assert.deepEqual(others, {
    CLARA_EVENT_TYPE: "gateway:startup",
    CLARA_TIMESTAMP: "2030-01-02T03:04:05.678Z",
    CLARA_NODE_ID: "",
    CLARA_PLATFORM: "",
    CLARA_USER_ID: "",
    CLARA_CHANNEL_ID: "",
    CLARA_REQUEST_ID: "",
    CLARA_ADDRESS: "[::1]:1",
    CLARA_VERSION: "0.1.0",
  });
  assert.equal(JSON.parse(CLARA_EVENT_DATA!).user_id, null);
});

Deno.test("a list is in the JSON only, and the task has its own variable", () => {
  const connected = eventVariables(
    hookEvent("adapter:connected", {
      ...origin,
      capabilities: ["streaming", "files"],
      resumed: false,
    }),
  );
  assert.equal(connected.CLARA_CAPABILITIES, undefined);
  assert.deepEqual(JSON.parse(connected.CLARA_EVENT_DATA!).data.capabilities, [
    "streaming",
    "files",
  ]);
  const run = eventVariables(
    hookEvent("scheduler:task_run", { task_name: "digest", task_type: "cron", fire_at: "x" }),
  );
  assert.equal(run.CLARA_TASK_NAME, "digest");
  assert.equal(run.CLARA_TASK_TYPE, "cron");
  assert.equal(run.CLARA_FIRE_AT, "x");
});

Deno.test("NUL is removed from variables and kept in the JSON", () => {
  const content = "a\0b\0";
  const { CLARA_CONTENT, CLARA_EVENT_DATA } = received(content);
  assert.equal(CLARA_CONTENT, "ab");
  assert.ok(!CLARA_EVENT_DATA!.includes("\0"));
  assert.equal(JSON.parse(CLARA_EVENT_DATA!).data.content, content);
});

Deno.test("a lone surrogate does not affect the rest", () => {
  const content = "a\ud800b\udc00c😀";
  const { CLARA_CONTENT, CLARA_EVENT_DATA } = received(content);
  // As the system gets it: Deno replaces invalid Unicode.
  assert.equal(CLARA_CONTENT!.toWellFormed(), "a\ufffdb\ufffdc😀");
  assert.ok(CLARA_EVENT_DATA!.isWellFormed());
  assert.equal(JSON.parse(CLARA_EVENT_DATA!).data.content, content);
});

const large: readonly (readonly [what: string, content: string])[] = [
  ["a megabyte of letters", "x".repeat(1 << 20)],
  ["a megabyte of quotes, each two bytes of JSON", '"'.repeat(1 << 20)],
  ["a megabyte of NUL, each six bytes of JSON", "\0".repeat(1 << 20)],
  ["a megabyte of three-byte characters", "€".repeat(350_000)],
  ["a megabyte of four-byte characters", "😀".repeat(262_144)],
  ["a megabyte of lone surrogates", "\ud83d".repeat(350_000)],
  ["one byte too many", "x".repeat(96 * 1024 + 1)],
];

for (const [what, content] of large) {
  Deno.test(`${what} is truncated to the limit, and the JSON stays valid`, () => {
    const env = received(content);
    assert.equal(env.CLARA_EVENT_TRUNCATED, "1");
    const { type, data, user_id } = JSON.parse(env.CLARA_EVENT_DATA!);
    assert.deepEqual([type, user_id], ["message:received", "user-1"]);
    assert.ok(data.content.length > 4_000, `${data.content.length} characters are left`);
    assert.ok(content.startsWith(data.content));
    for (const [name, value] of Object.entries(env)) {
      assert.ok(Buffer.byteLength(`${name}=${value}`) < 128 * 1024, name);
      assert.ok(value.isWellFormed(), name);
      assert.ok(!value.includes("\0"), name);
    }
  });
}

Deno.test("a text within the limit is not truncated", () => {
  const env = received("x".repeat(90_000));
  assert.equal(env.CLARA_EVENT_TRUNCATED, undefined);
  assert.equal(env.CLARA_CONTENT!.length, 90_000);
});

Deno.test("an event with many small texts is truncated too", () => {
  const capabilities = Array.from({ length: 50_000 }, (_, index) => `capability-${index}`);
  const env = eventVariables(
    hookEvent("adapter:connected", { ...origin, capabilities, resumed: false }),
  );
  assert.equal(env.CLARA_EVENT_TRUNCATED, "1");
  assert.ok(env.CLARA_EVENT_DATA!.length < 128 * 1024);
  assert.equal(JSON.parse(env.CLARA_EVENT_DATA!).type, "adapter:connected");
});
