/**
 * What a plugin is: a module of the hooks folder whose default export is a function that gets this
 * interface. The types here are all that a plugin's author needs.
 */

import type { HookEvent } from "../hooks/hook_event.ts";
import type { EventName } from "../../domain/events.ts";
import type { TaskRun } from "../scheduler/task.ts";
import type { ToolRisk } from "../../tools/tool.ts";

export type { HookEvent } from "../hooks/hook_event.ts";
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
   * Calls a function for each event of a name, of a kind (`tool:*`), or of all (`*`). Calls of one
   * hook come one after the other and never hold up the gateway.
   */
  hook<Pattern extends PluginEventPattern>(
    event: Pattern,
    handler: (event: EventOf<Pattern>, options: { readonly signal: AbortSignal }) => unknown,
    options?: PluginHookOptions,
  ): void;
  /** Calls a function at the times of a schedule. */
  scheduled(task: PluginTask, handler: (task: TaskRun) => unknown): void;
  /** Offers the model a tool. */
  tool(tool: PluginTool): void;
}

/** Lines of the log, under the plugin's name. */
export interface PluginLog {
  debug(text: string): void;
  info(text: string): void;
  warn(text: string): void;
  error(text: string): void;
}

/** Which events a hook may name: one, or several with `*` for any characters. */
export type PluginEventPattern = EventName | `${string}*${string}`;

/** The events that a pattern stands for. */
export type EventOf<Pattern extends string> = Pattern extends EventName ? HookEvent<Pattern>
  : Pattern extends `${infer Kind}:*` ? HookEvent<Extract<EventName, `${Kind}:${string}`>>
  : HookEvent;

/** More about a hook. */
export interface PluginHookOptions {
  /** Default: the plugin's name and the event's. */
  readonly name?: string;
  readonly description?: string;
  /** Seconds after which it is waited for no longer. Default: 30. */
  readonly timeout?: number;
  /** Where several hooks wait for the same event, the higher one goes first. Default: 0. */
  readonly priority?: number;
  /** Words that must fit; `*` in a word stands for any characters. */
  readonly when?: {
    readonly platform?: string | readonly string[];
    readonly channel?: string | readonly string[];
    readonly user?: string | readonly string[];
    readonly tool?: string | readonly string[];
  };
}

/** A task as `scheduler.yaml` has it, without a command. Times are seconds. */
export interface PluginTask {
  readonly name: string;
  readonly type: "interval" | "cron" | "one_shot";
  readonly interval?: number;
  readonly cron?: string;
  /** An IANA name; default: the machine's own time zone. */
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
  /** For the model: what it does and when to use it. */
  readonly description: string;
  /** JSON Schema of the arguments, an object. Default: no arguments. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** What it may do to the world; the policy goes by it. Default: `read`. */
  readonly risk?: ToolRisk;
  /** One character for adapters that show it. */
  readonly emoji?: string;
  /** Seconds. Default: that of all tools. */
  readonly timeout?: number;
  /** Gives text, or anything that JSON can say. What it throws is told to the model. */
  readonly run: (args: PluginArguments, context: PluginToolContext) => unknown;
}

/** On whose behalf a tool runs. */
export interface PluginToolContext {
  readonly platform: string;
  readonly user_id: string;
  readonly channel_id: string;
  readonly request_id: string;
  /** Aborts on cancel and on the tool's time-out. */
  readonly signal: AbortSignal;
}

/** Arguments as the schema allows them; what they are in particular the plugin's author knows. */
export type PluginArguments = Readonly<Record<string, unknown>>;
