/**
 * An event as hooks see it. Commands get it as environment variables and as JSON on standard input,
 * never as part of their text; plugins get it as an object.
 */

import type { EventMap, EventName, EventOrigin, GatewayEvent } from "../../domain/events.ts";

/** The data of an event, without its origin. */
export type EventData<Name extends EventName> = Omit<EventMap[Name], keyof EventOrigin>;

/** An event with its origin; ids it does not have are `null`. */
export type HookEvent<Name extends EventName = EventName> = {
  readonly [N in Name]: {
    readonly type: N;
    /** ISO 8601, UTC. */
    readonly timestamp: string;
    readonly node_id: string | null;
    readonly platform: string | null;
    readonly user_id: string | null;
    readonly channel_id: string | null;
    readonly request_id: string | null;
    readonly task_name: string | null;
    readonly data: EventData<N>;
  };
}[Name];

/** Most bytes of one variable. Linux allows 128 KiB, and about 2 MiB for all. */
const maxBytes = 96 * 1024;

const encoder = new TextEncoder();

/** Converts an event to the form that hooks see. */
export function toHookEvent({ name, at, data }: GatewayEvent): HookEvent {
  const { node_id, platform, user_id, channel_id, request_id, task_name, ...rest } = data as
    & EventOrigin
    & Record<string, unknown>;
  return {
    type: name,
    timestamp: at.toISOString(),
    node_id: node_id ?? null,
    platform: platform ?? null,
    user_id: user_id ?? null,
    channel_id: channel_id ?? null,
    request_id: request_id ?? null,
    task_name: task_name ?? null,
    data: rest,
  } as unknown as HookEvent;
}

/** Returns the environment variables that describe an event. */
export function eventVariables(event: HookEvent): Record<string, string> {
  const { data, ...origin } = event;
  const scalars = Object.entries(data).filter(([, value]) =>
    ["string", "number", "boolean"].includes(typeof value)
  );
  const json = JSON.stringify(event);
  const truncated = isTooLong(json);
  return {
    ...Object.fromEntries(
      scalars.map(([key, value]) => [`CLARA_${key.toUpperCase()}`, toVariable(String(value))]),
    ),
    CLARA_EVENT_TYPE: origin.type,
    CLARA_TIMESTAMP: origin.timestamp,
    CLARA_NODE_ID: toVariable(origin.node_id ?? ""),
    CLARA_PLATFORM: toVariable(origin.platform ?? ""),
    CLARA_USER_ID: toVariable(origin.user_id ?? ""),
    CLARA_CHANNEL_ID: toVariable(origin.channel_id ?? ""),
    CLARA_REQUEST_ID: toVariable(origin.request_id ?? ""),
    ...(origin.task_name && { CLARA_TASK_NAME: toVariable(origin.task_name) }),
    CLARA_EVENT_DATA: truncated ? truncatedJson(event) : json,
    ...(truncated && { CLARA_EVENT_TRUNCATED: "1" }),
  };
}

/** Makes a text fit into a variable: without NUL, and not too long. */
function toVariable(text: string): string {
  const plain = text.replaceAll("\0", "");
  if (!isTooLong(plain)) return plain;
  // One UTF-16 code unit takes at most three bytes.
  return plain.slice(0, maxBytes / 3).toWellFormed();
}

/** Shortens long texts in an event until its JSON fits. */
function truncatedJson(event: HookEvent): string {
  for (let chars = maxBytes / 3; chars > 0; chars = Math.floor(chars / 2)) {
    const json = JSON.stringify(
      event,
      (_, value) =>
        typeof value === "string" && value.length > chars ? value.slice(0, chars) : value,
    );
    if (!isTooLong(json)) return json;
  }
  return JSON.stringify({ type: event.type, timestamp: event.timestamp });
}

function isTooLong(text: string): boolean {
  if (text.length > maxBytes) return true;
  return text.length * 3 > maxBytes && encoder.encode(text).length > maxBytes;
}
