/** Hooks for the tests in this folder. */

import type { Hook, HookAction } from "../../../src/automation/hooks/hook.ts";

/** A hook for every event, that is a command which does nothing but for what is said. */
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

/** A command that runs in a folder. */
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
