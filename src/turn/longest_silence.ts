/** How long a turn may be at its work without a word of it. Used by the gateway, for its watchdog. */

import { type ModelCatalog, modelsOf } from "../llm/catalog.ts";
import { maxProceeds } from "./tool_loop.ts";

/** What the longest silence hangs on. */
export interface SilenceOptions {
  /** Times a reply that was cut for its length is continued. */
  readonly continuations: number;
  readonly autoProceed: boolean;
  /** Undefined where the echo model answers. */
  readonly models?: Pick<ModelCatalog, "tiers">;
}

/**
 * Longest time of a turn between two rounds of tools, or without any, milliseconds: all of it may go into
 * requests to models. What a tool takes is not in it, which has a limit of its own.
 */
export function longestSilenceMs({ continuations, autoProceed, models }: SilenceOptions): number {
  const requestMs = Math.max(0, ...modelsOf(models).map(({ provider }) => provider.totalMs));
  // The answer, what continues it, and once more where there was none.
  const answerMs = requestMs * (continuations + 2);
  return answerMs * (autoProceed ? maxProceeds + 1 : 1);
}
