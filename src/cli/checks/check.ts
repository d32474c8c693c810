/** What a check of `doctor` is. The list is in `checks.ts`. */

import type { ConfigSources, DaemonConfig, Flags } from "../../config/config.ts";
import type { GatewayConfig } from "../../config/gateway_config.ts";

/** One line of what was found. */
export interface Finding {
  readonly level: "ok" | "warning" | "error";
  /** What was found, and where it is not as it should be what to do. */
  readonly text: string;
}

/** What the checks look at. */
export interface CheckContext {
  readonly flags: Flags;
  readonly surroundings: ConfigSources;
  readonly daemon: DaemonConfig;
  /** Undefined where the configuration is wrong. */
  readonly config?: GatewayConfig;
  /** What is wrong with it, a line each. */
  readonly wrong?: string;
}

/** One thing that is looked at. What it throws is an error that was found. */
export interface Check {
  /** One word; `--skip` leaves it out by it. */
  readonly name: string;
  readonly run: (context: CheckContext) => readonly Finding[] | Promise<readonly Finding[]>;
}

export function ok(text: string): readonly Finding[] {
  return [{ level: "ok", text }];
}

export function warning(text: string): readonly Finding[] {
  return [{ level: "warning", text }];
}

export function error(text: string): readonly Finding[] {
  return [{ level: "error", text }];
}

/** What checks say that need a configuration that can be read. */
export const withoutConfig = warning("not checked: the configuration is wrong");
