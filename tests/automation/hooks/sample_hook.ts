/** Hooks for tests. */

import type { Hook, HookAction } from "../../../src/automation/hooks/hook.ts";

/** Returns a hook for every event whose command does nothing, with some fields replaced. */
export function hookOf(fields: Partial<Hook> = {}): Hook {
  return {
    name: "sample",
    event: "*",
    description: "",
    enabled: true,
    priority: 0,
    when: {},
    timeoutMs: 20_000,
    action: commandOf("true"),
    ...fields,
  };
}

/** Returns a command that runs in a folder. */
export function commandOf(
  command: string,
  options: { readonly workingDir?: string; readonly env?: Readonly<Record<string, string>> } = {},
): HookAction {
  return {
    type: "command",
    command,
    workingDir: options.workingDir ?? "/",
    env: options.env ?? {},
  };
}
