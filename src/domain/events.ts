/**
 * The gateway's events. Modules emit what happened; hooks and tests listen. Emitters never wait for
 * listeners, and a listener that throws cannot break an emitter.
 */

import { errorText } from "../lib/error_text.ts";
import { logger } from "../logging/log.ts";
import type { UserMessage } from "./message.ts";

/** The fields that most events share. */
export interface EventOrigin {
  readonly node_id?: string;
  readonly platform?: string;
  readonly user_id?: string;
  readonly channel_id?: string;
  readonly request_id?: string;
  /** The task that created the message, if one did. */
  readonly task_name?: string;
}

/** What an event is about: a user's message, or a user in a channel. */
export type EventSource =
  & { readonly nodeId: string; readonly platform: string }
  & (
    | { readonly message: Pick<UserMessage, "requestId" | "user" | "channel" | "task"> }
    | { readonly userId: string; readonly channelId: string }
  );

/** The fields that events about a user share. */
export function eventOrigin(source: EventSource): EventOrigin {
  const { nodeId: node_id, platform } = source;
  if (!("message" in source)) {
    return { node_id, platform, user_id: source.userId, channel_id: source.channelId };
  }
  const { requestId, user, channel, task } = source.message;
  return {
    node_id,
    platform,
    user_id: user.id,
    channel_id: channel.id,
    request_id: requestId,
    ...(task && { task_name: task.name }),
  };
}

/** Every event and its data. Names are `noun:verb`; fields are snake_case, as hooks get them. */
export interface EventMap {
  /** The port and the store are open. */
  "gateway:startup": { readonly address: string; readonly version: string };
  /** A graceful shutdown has started. */
  "gateway:shutdown": { readonly reason: string };
  /** An adapter registered. */
  "adapter:connected": EventOrigin & {
    readonly capabilities: readonly string[];
    /** Whether it resumed its last session. */
    readonly resumed: boolean;
  };
  /** An adapter's connection was closed or replaced. */
  "adapter:disconnected": EventOrigin & { readonly reason: string };
  /** A user's session in a channel started. */
  "session:start": EventOrigin & { readonly session_id: string };
  /** A session was idle too long; `session:end` follows. */
  "session:timeout": EventOrigin & { readonly session_id: string; readonly idle_seconds: number };
  /** A session ended. The reason is `timeout`, `daily_reset`, or `reset` (on request). */
  "session:end": EventOrigin & { readonly session_id: string; readonly reason: string };
  /** A message was accepted: it is committed and will be answered. */
  "message:received": EventOrigin & { readonly content: string };
  /** A reply was completed and committed. */
  "message:sent": EventOrigin & {
    readonly content: string;
    readonly tool_count: number;
    readonly duration_ms: number;
  };
  /** A queued or running request was cancelled. */
  "message:cancelled": EventOrigin & {
    /** The request that it was merged into, if it was. */
    readonly merged_into?: string;
  };
  /** A request ended in an error. */
  "message:error": EventOrigin & { readonly code: string; readonly message: string };
  /** A tool call starts. */
  "tool:start": EventOrigin & { readonly tool_name: string; readonly call_id: string };
  /** A tool call succeeded. */
  "tool:end": EventOrigin & {
    readonly tool_name: string;
    readonly call_id: string;
    readonly duration_ms: number;
  };
  /** A tool call failed; the model gets the error. */
  "tool:error": EventOrigin & {
    readonly tool_name: string;
    readonly call_id: string;
    readonly duration_ms: number;
    readonly error: string;
  };
  /** A task starts, on schedule or manually. */
  "scheduler:task_run": EventOrigin & {
    readonly task_name: string;
    readonly task_type: string;
    /** The scheduled time, ISO 8601; missing if it was started manually. */
    readonly fire_at?: string;
  };
  /** A task failed. */
  "scheduler:task_error": EventOrigin & {
    readonly task_name: string;
    readonly task_type: string;
    readonly fire_at?: string;
    readonly duration_ms: number;
    readonly error: string;
  };
  /** A hook failed. The hook itself does not get this event, and failures to handle it are not reported. */
  "hook:error": EventOrigin & {
    readonly hook_name: string;
    /** The event that it was handling. */
    readonly failed_event: string;
    readonly duration_ms: number;
    readonly error: string;
  };
}

/** The name of an event. */
export type EventName = keyof EventMap;

/** All names, for checks at run time. The type below fails to compile if one is missing. */
export const eventNames = [
  "gateway:startup",
  "gateway:shutdown",
  "adapter:connected",
  "adapter:disconnected",
  "session:start",
  "session:timeout",
  "session:end",
  "message:received",
  "message:sent",
  "message:cancelled",
  "message:error",
  "tool:start",
  "tool:end",
  "tool:error",
  "scheduler:task_run",
  "scheduler:task_error",
  "hook:error",
] as const satisfies readonly EventName[];

type Unlisted = Exclude<EventName, typeof eventNames[number]>;
const _everyEventIsListed: Unlisted extends never ? true : Unlisted = true;

/** An event as a listener gets it. */
export type GatewayEvent<Name extends EventName = EventName> = {
  [N in Name]: { readonly name: N; readonly at: Date; readonly data: EventMap[N] };
}[Name];

/** Handles every event. */
export type EventListener = (event: GatewayEvent) => void;

const log = logger("domain", "events");

/** Delivers events to all listeners, in the order of emission. */
export class EventBus {
  readonly #listeners = new Set<EventListener>();
  readonly #now: () => number;

  constructor(options: { readonly now?: () => number } = {}) {
    this.#now = options.now ?? Date.now;
  }

  /** Calls every listener synchronously, in the order of subscription. */
  emit<Name extends EventName>(name: Name, data: EventMap[Name]): void {
    if (this.#listeners.size === 0) return;
    const event = { name, at: new Date(this.#now()), data } as GatewayEvent;
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        log.error("A listener failed for {event}: {error}", {
          event: name,
          error: errorText(error),
        });
      }
    }
  }

  /** Subscribes to all events. The returned function unsubscribes. */
  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
