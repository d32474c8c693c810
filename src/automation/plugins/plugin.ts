/**
 * The interface for plugins. A plugin is a module in the hooks folder whose default export is a function
 * that gets a {@linkcode Gateway}.
 */

import type { HookEvent } from "../hooks/event.ts";
import type { EventName } from "../../domain/events.ts";
import type { TaskRun } from "../scheduler/task.ts";
import type { ToolRisk } from "../../tools/tool.ts";

export type { HookEvent } from "../hooks/event.ts";
export type { TaskRun } from "../scheduler/task.ts";

/** The default export of a plugin. Called once, when the gateway starts. */
export type Plugin = (gateway: Gateway) => void | Promise<void>;

/** The gateway, as a plugin sees it. */
export interface Gateway {
  /** The gateway's version. */
  readonly version: string;
  /** Writes to the gateway's log. */
  readonly log: PluginLog;
  /**
   * Calls a function for each event of one name, one kind (`tool:*`) or all (`*`). A hook handles one
   * event at a time and never delays the gateway.
   */
  hook<Pattern extends PluginEventPattern>(
    event: Pattern,
    handler: (event: EventOf<Pattern>, options: { readonly signal: AbortSignal }) => unknown,
    options?: PluginHookOptions,
  ): void;
  /** Calls a function on a schedule. */
  scheduled(task: PluginTask, handler: (task: TaskRun) => unknown): void;
  /** Offers a tool to the model. */
  tool(tool: PluginTool): void;
}

/** Writes log lines under the plugin's name. */
export interface PluginLog {
  debug(text: string): void;
  info(text: string): void;
  warn(text: string): void;
  error(text: string): void;
}

/** One event by name, or several with `*` for any characters. */
export type PluginEventPattern = EventName | `${string}*${string}`;

/** The events that a pattern matches. */
export type EventOf<Pattern extends string> = Pattern extends EventName ? HookEvent<Pattern>
  : Pattern extends `${infer Kind}:*` ? HookEvent<Extract<EventName, `${Kind}:${string}`>>
  : HookEvent;

/** Options of {@linkcode Gateway.hook}. */
export interface PluginHookOptions {
  /** Default: the names of the plugin and the event. */
  readonly name?: string;
  readonly description?: string;
  /** Timeout in seconds. Default: 30. */
  readonly timeout?: number;
  /** Among hooks that wait for the same event, the one with the highest priority runs first. Default: 0. */
  readonly priority?: number;
  /** Conditions that must all match; `*` in a word matches any characters. */
  readonly when?: {
    readonly platform?: string | readonly string[];
    readonly channel?: string | readonly string[];
    readonly user?: string | readonly string[];
    readonly tool?: string | readonly string[];
  };
}

/** A task as in `scheduler.yaml`, without command or prompt. Durations are in seconds. */
export interface PluginTask {
  readonly name: string;
  readonly type: "interval" | "cron" | "one_shot";
  readonly interval?: number;
  readonly cron?: string;
  /** An IANA name. Default: the machine's time zone. */
  readonly timezone?: string;
  readonly delay?: number;
  /** ISO 8601. */
  readonly run_at?: string;
  readonly description?: string;
  readonly enabled?: boolean;
  readonly timeout?: number;
  readonly overlap?: "skip" | "queue" | "kill";
  readonly missed?: "skip" | "once" | "all";
}

/** A tool for the model. */
export interface PluginTool {
  /** Letters, digits, `_` and `-`. */
  readonly name: string;
  /** Tells the model what the tool does and when to use it. */
  readonly description: string;
  /** JSON Schema of the arguments, of type `object`. Default: no arguments. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** What the tool may do; the policy decides by it. Default: `read`. */
  readonly risk?: ToolRisk;
  /** One character for adapters that show it. */
  readonly emoji?: string;
  /** Timeout in seconds. Default: that of all tools. */
  readonly timeout?: number;
  /** Returns text or anything that JSON can represent. Errors are reported to the model. */
  readonly run: (args: PluginArguments, context: PluginToolContext) => unknown;
}

/** The request that a tool is called for. */
export interface PluginToolContext {
  readonly platform: string;
  readonly user_id: string;
  readonly channel_id: string;
  readonly request_id: string;
  /** Aborts when the request is cancelled and at the tool's timeout. */
  readonly signal: AbortSignal;
}

/** Arguments that match the tool's schema. */
export type PluginArguments = Readonly<Record<string, unknown>>;
