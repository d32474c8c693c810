/** Whether a hook is for an event. Pure; the runner asks for each event. */

import type { EventOrigin, GatewayEvent } from "../../domain/events.ts";
import { eventNames } from "../../domain/events.ts";
import { matchesGlob } from "../../lib/glob.ts";
import type { EventPattern, Hook } from "./hook.ts";

/** Whether a hook wants to hear of an event. */
export function matchesEvent(hook: Hook, event: GatewayEvent): boolean {
  if (!hook.enabled || !matchesPattern(hook.event, event.name)) return false;
  const data = event.data as EventOrigin & {
    readonly tool_name?: string;
    readonly hook_name?: string;
  };
  // Its own failure would only make it fail again.
  if (event.name === "hook:error" && data.hook_name === hook.name) return false;
  const { platform, channel, user, tool } = hook.when;
  return fits(platform, data.platform) && fits(channel, data.channel_id) &&
    fits(user, data.user_id) && fits(tool, data.tool_name);
}

/** Whether a text is a pattern that fits some event. */
export function isEventPattern(text: string): text is EventPattern {
  return eventNames.some((name) => matchesPattern(text, name));
}

/** Whether a pattern stands for an event. */
export function matchesPattern(pattern: string, name: string): boolean {
  return matchesGlob(pattern, name);
}

function fits(words: readonly string[] | undefined, value: string | undefined): boolean {
  if (words === undefined) return true;
  return value !== undefined && words.some((word) => matchesGlob(word, value));
}
