/**
 * An event as hooks see it: who and where at the top, the rest under `data`. Commands get it as JSON,
 * plugins as an object.
 */

import type { EventMap, EventName, EventOrigin, GatewayEvent } from "../../domain/events.ts";

/** What an event tells beside who and where. */
export type EventData<Name extends EventName> = Omit<EventMap[Name], keyof EventOrigin>;

/** An event with its ids; `null` where the event has none. */
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

/** The event as hooks see it. */
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
