/** What a check of `doctor` is. The command lists them. */

import type { ConfigSources, DaemonConfig } from "../../config/config.ts";
import type { GatewayConfig } from "../../config/gateway_config.ts";

/** One finding. */
export interface Finding {
  readonly level: "ok" | "warning" | "error";
  /** What was found, and how to fix it. */
  readonly text: string;
}

/** What the checks work with. */
export interface CheckContext {
  readonly sources: ConfigSources;
  readonly daemon: DaemonConfig;
  /** Undefined if the configuration is invalid. */
  readonly config?: GatewayConfig;
  /** What is invalid, one setting per line. */
  readonly configErrors?: string;
}

/** One check. If it throws, that is an error it found. */
export interface Check {
  /** One word, for `--skip`. */
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

/** The finding of a check that needs a valid configuration. */
export const withoutConfig = warning("not checked: the configuration is invalid");
