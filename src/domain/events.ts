/**
 * The gateway's events. Modules emit what they did; whoever wants to know listens (the hooks, a live
 * view, tests). Nobody waits for a listener, and a listener that throws never breaks the emitter.
 */

import { errorText } from "../lib/error_text.ts";
import { logger } from "../logging/log.ts";
import type { UserMessage } from "./message.ts";

/** Who and where: the fields that most events share. */
export interface EventOrigin {
  readonly node_id?: string;
  readonly platform?: string;
  readonly user_id?: string;
  readonly channel_id?: string;
  readonly request_id?: string;
  /** The task that put the message into its channel, where nobody sent it. */
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

/** Every event with its data. Names are `noun:verb`; fields are snake_case, as hooks see them. */
export interface EventMap {
  /** The port is open and the store ready. */
  "gateway:startup": { readonly address: string; readonly version: string };
  /** A graceful end has begun. */
  "gateway:shutdown": { readonly reason: string };
  /** An adapter has registered. */
  "adapter:connected": EventOrigin & {
    readonly capabilities: readonly string[];
    /** Whether it has taken its last session up again. */
    readonly resumed: boolean;
  };
  /** An adapter's socket has closed, or another one has taken its place. */
  "adapter:disconnected": EventOrigin & { readonly reason: string };
  /** A user's conversation in a channel began. */
  "session:start": EventOrigin & { readonly session_id: string };
  /** A session was idle for too long; `session:end` follows. */
  "session:timeout": EventOrigin & { readonly session_id: string; readonly idle_seconds: number };
  /** A session is over: `timeout`, `daily_reset`, or `reset` where somebody asked for it. */
  "session:end": EventOrigin & { readonly session_id: string; readonly reason: string };
  /** A message was accepted: it is committed and will be answered. */
  "message:received": EventOrigin & { readonly content: string };
  /** A reply is complete and committed. */
  "message:sent": EventOrigin & {
    readonly content: string;
    readonly tool_count: number;
    readonly duration_ms: number;
  };
  /** A request was cancelled, queued or running. */
  "message:cancelled": EventOrigin & {
    /** The request that it has become a part of, where it was not given up. */
    readonly merged_into?: string;
  };
  /** A request ended in an error. */
  "message:error": EventOrigin & { readonly code: string; readonly message: string };
  /** A tool is about to run. */
  "tool:start": EventOrigin & { readonly tool_name: string; readonly call_id: string };
  /** A tool has run. */
  "tool:end": EventOrigin & {
    readonly tool_name: string;
    readonly call_id: string;
    readonly duration_ms: number;
  };
  /** A tool has failed; the model is told. */
  "tool:error": EventOrigin & {
    readonly tool_name: string;
    readonly call_id: string;
    readonly duration_ms: number;
    readonly error: string;
  };
  /** A task's time has come and this gateway has claimed it, or somebody has started it by hand. */
  "scheduler:task_run": EventOrigin & {
    readonly task_name: string;
    readonly task_type: string;
    /** The time it was due, ISO 8601; missing where it was started by hand. */
    readonly fire_at?: string;
  };
  /** A task has failed. */
  "scheduler:task_error": EventOrigin & {
    readonly task_name: string;
    readonly task_type: string;
    readonly fire_at?: string;
    readonly duration_ms: number;
    readonly error: string;
  };
  /** A hook has failed. It does not hear of this itself, and a failure over this event is not told. */
  "hook:error": EventOrigin & {
    readonly hook_name: string;
    /** The event that it was to handle. */
    readonly failed_event: string;
    readonly duration_ms: number;
    readonly error: string;
  };
}

/** The name of an event. */
export type EventName = keyof EventMap;

/** All names, for those who check one at run time; the type below fails where one is missing. */
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

/** What a listener of every event is given. */
export type EventListener = (event: GatewayEvent) => void;

const log = logger("domain", "events");

/** Carries events from those that emit to those that listen, in the order of emission. */
export class EventBus {
  readonly #listeners = new Set<EventListener>();
  readonly #now: () => number;

  constructor(options: { readonly now?: () => number } = {}) {
    this.#now = options.now ?? Date.now;
  }

  /** Tells every listener, at once and in order of subscription. */
  emit<Name extends EventName>(name: Name, data: EventMap[Name]): void {
    if (this.#listeners.size === 0) return;
    const event = { name, at: new Date(this.#now()), data } as GatewayEvent;
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        log.error("A listener of {event} failed: {error}", {
          event: name,
          error: errorText(error),
        });
      }
    }
  }

  /** Subscribes to every event. The returned function ends the subscription. */
  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
