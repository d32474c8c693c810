/** What a hook is: when it runs, and what it does. Files and plugins make them; the runner runs them. */

import type { EventName } from "../../domain/events.ts";
import type { HookEvent } from "./hook_event.ts";

/** Which events: one by its name, or several with `*` for any characters (`tool:*`, `*:error`, `*`). */
export type EventPattern = EventName | `${string}*${string}`;

/** Further conditions; each that is there must fit. `*` in a word stands for any characters. */
export interface HookFilter {
  readonly platform?: readonly string[];
  readonly channel?: readonly string[];
  readonly user?: readonly string[];
  readonly tool?: readonly string[];
}

/** What a hook does. */
export type HookAction =
  | {
    readonly type: "command";
    /** For `sh -c`, as its author wrote it. */
    readonly command: string;
    readonly workingDir: string;
    /** More variables; `${NAME}` in them stands for the gateway's own environment. */
    readonly env: Readonly<Record<string, string>>;
  }
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
  /** Where several hooks wait for the same event, the higher one goes first. */
  readonly priority: number;
  readonly when: HookFilter;
  readonly timeoutMs: number;
  readonly action: HookAction;
}
