/** Sample events for trying out a hook, as `hooks test` does. */

import {
  type EventMap,
  type EventName,
  eventNames,
  type GatewayEvent,
} from "../../domain/events.ts";
import { matchesGlob } from "../../lib/glob.ts";
import type { Hook } from "./hook.ts";

const origin = {
  node_id: "test-node",
  platform: "test",
  user_id: "test-user",
  channel_id: "test-channel",
  request_id: "test-request",
} as const;
const session = { ...origin, request_id: undefined, session_id: "test-session" } as const;
const call = { ...origin, tool_name: "current_time", call_id: "test-call" } as const;
const task = { task_name: "test-task", task_type: "interval", fire_at: "2030-01-01T00:00:00.000Z" };

const samples: EventMap = {
  "gateway:startup": { address: "127.0.0.1:18789", version: "0.0.0" },
  "gateway:shutdown": { reason: "test" },
  "adapter:connected": {
    node_id: "test-node",
    platform: "test",
    capabilities: ["streaming"],
    resumed: false,
  },
  "adapter:disconnected": { node_id: "test-node", platform: "test", reason: "test" },
  "session:start": session,
  "session:timeout": { ...session, idle_seconds: 60 },
  "session:end": { ...session, reason: "timeout" },
  "message:received": { ...origin, content: "A test." },
  "message:sent": { ...origin, content: "A test's answer.", tool_count: 0, duration_ms: 1 },
  "message:cancelled": origin,
  "message:error": { ...origin, code: "internal_error", message: "A test." },
  "tool:start": call,
  "tool:end": { ...call, duration_ms: 1 },
  "tool:error": { ...call, duration_ms: 1, error: "A test." },
  "scheduler:task_run": task,
  "scheduler:task_error": { ...task, duration_ms: 1, error: "A test." },
  "hook:error": {
    hook_name: "test-hook",
    failed_event: "tool:error",
    duration_ms: 1,
    error: "A test.",
  },
};

/**
 * Returns a sample of the named event, or of the first event that a hook handles.
 *
 * @throws {Error} if there is no event of that name.
 */
export function sampleEvent(
  hook: Pick<Hook, "event">,
  options: { readonly name?: string; readonly now?: number } = {},
): GatewayEvent {
  const { name: requested, now = Date.now() } = options;
  const name = eventNames.find((name) =>
    requested === undefined ? matchesGlob(hook.event, name) : name === requested
  );
  if (name === undefined) {
    throw new Error(`There is no event "${requested}"; expected one of ${eventNames.join(", ")}`);
  }
  return createSample(name, now);
}

function createSample<Name extends EventName>(name: Name, now: number): GatewayEvent {
  return { name, at: new Date(now), data: samples[name] } as GatewayEvent;
}
