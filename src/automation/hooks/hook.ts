/** A hook: which events it handles, and what it does. Defined in `hooks.yaml` and by plugins. */

import {
  type EventName,
  eventNames,
  type EventOrigin,
  type GatewayEvent,
} from "../../domain/events.ts";
import { matchesGlob } from "../../lib/glob.ts";
import type { RunResult } from "../../store/run_store.ts";
import {
  callFunction,
  type CommandAction,
  type CommandEnvironmentOptions,
  runCommand,
} from "../command/action.ts";
import { eventVariables, type HookEvent } from "./event.ts";

/** One event by name, or several with `*` for any characters (`tool:*`, `*:error`, `*`). */
export type EventPattern = EventName | `${string}*${string}`;

/** Conditions that must all match; in each, one word is enough, and `*` matches any characters. */
export interface HookFilter {
  readonly platform?: readonly string[];
  readonly channel?: readonly string[];
  readonly user?: readonly string[];
  readonly tool?: readonly string[];
}

/** What a hook does. */
export type HookAction =
  | CommandAction
  | {
    readonly type: "function";
    readonly run: (event: HookEvent, options: { readonly signal: AbortSignal }) => unknown;
  };

/** One hook. */
export interface Hook {
  readonly name: string;
  readonly event: EventPattern;
  readonly description: string;
  readonly enabled: boolean;
  /** Among hooks that wait for the same event, the one with the highest priority runs first. */
  readonly priority: number;
  readonly when: HookFilter;
  readonly timeoutMs: number;
  readonly action: HookAction;
}

/** Whether a hook handles an event. */
export function matchesEvent(hook: Hook, event: GatewayEvent): boolean {
  if (!hook.enabled || !matchesGlob(hook.event, event.name)) return false;
  const data = event.data as EventOrigin & {
    readonly tool_name?: string;
    readonly hook_name?: string;
  };
  // A hook that handled its own failure would only fail again.
  if (event.name === "hook:error" && data.hook_name === hook.name) return false;
  const { platform, channel, user, tool } = hook.when;
  return matchesWords(platform, data.platform) && matchesWords(channel, data.channel_id) &&
    matchesWords(user, data.user_id) && matchesWords(tool, data.tool_name);
}

/** Whether a text is a pattern that matches at least one event. */
export function isEventPattern(text: string): text is EventPattern {
  return eventNames.some((name) => matchesGlob(text, name));
}

/** Runs a hook for an event. Never rejects; failures are in the result. */
export async function callHook(
  { hook, event }: { readonly hook: Hook; readonly event: HookEvent },
  options: CommandEnvironmentOptions & { readonly signal: AbortSignal },
): Promise<RunResult> {
  const { action, timeoutMs } = hook;
  switch (action.type) {
    case "function": {
      const { signal } = options;
      return await callFunction((signal) => action.run(event, { signal }), { timeoutMs, signal });
    }
    case "command":
      return await runCommand(action, {
        ...options,
        variables: eventVariables(event),
        input: `${JSON.stringify(event)}\n`,
        timeoutMs,
      });
  }
}

function matchesWords(words: readonly string[] | undefined, value: string | undefined): boolean {
  if (words === undefined) return true;
  return value !== undefined && words.some((word) => matchesGlob(word, value));
}
