/**
 * An event as the environment of a command. Data comes to a command this way and on its standard
 * input only; it is never put into the command's text.
 */

import type { HookEvent } from "./hook_event.ts";

/** Bytes of one variable: Linux takes 128 KiB, and some 2 MiB of all together. */
const maxBytes = 96 * 1024;

const encoder = new TextEncoder();

/** The variables of an event, by name. */
export function eventEnvironment(event: HookEvent): Record<string, string> {
  const { data, ...origin } = event;
  const scalars = Object.entries(data).filter(([, value]) =>
    ["string", "number", "boolean"].includes(typeof value)
  );
  const json = JSON.stringify(event);
  const cut = longerThan(json);
  return {
    ...Object.fromEntries(
      scalars.map(([key, value]) => [`CLARA_${key.toUpperCase()}`, fitting(String(value))]),
    ),
    CLARA_EVENT_TYPE: origin.type,
    CLARA_TIMESTAMP: origin.timestamp,
    CLARA_NODE_ID: fitting(origin.node_id ?? ""),
    CLARA_PLATFORM: fitting(origin.platform ?? ""),
    CLARA_USER_ID: fitting(origin.user_id ?? ""),
    CLARA_CHANNEL_ID: fitting(origin.channel_id ?? ""),
    CLARA_REQUEST_ID: fitting(origin.request_id ?? ""),
    ...(origin.task_name && { CLARA_TASK_NAME: fitting(origin.task_name) }),
    CLARA_EVENT_DATA: cut ? shortened(event) : json,
    ...(cut && { CLARA_EVENT_TRUNCATED: "1" }),
  };
}

/** A text as a variable can hold it: without NUL, not too long. */
function fitting(text: string): string {
  const plain = text.replaceAll("\0", "");
  if (!longerThan(plain)) return plain;
  // No character of UTF-16 takes more than three bytes.
  return plain.slice(0, maxBytes / 3).toWellFormed();
}

/** The event as JSON that is whole, its long texts cut until it fits. */
function shortened(event: HookEvent): string {
  for (let chars = maxBytes / 3; chars > 0; chars = Math.floor(chars / 2)) {
    const json = JSON.stringify(
      event,
      (_, value) =>
        typeof value === "string" && value.length > chars ? value.slice(0, chars) : value,
    );
    if (!longerThan(json)) return json;
  }
  return JSON.stringify({ type: event.type, timestamp: event.timestamp });
}

function longerThan(text: string): boolean {
  if (text.length > maxBytes) return true;
  return text.length * 3 > maxBytes && encoder.encode(text).length > maxBytes;
}
