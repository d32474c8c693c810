/** How much of what is remembered of a user the model is shown. Used by the context builder. */

import { estimateTokens } from "../llm/tokens.ts";

/** As many memories as fit into the tokens (estimated), the first ones first. */
export function fittingMemories(
  memories: readonly string[],
  maxTokens = 1_000,
): readonly string[] {
  let left = maxTokens;
  return memories.filter((memory) => {
    const tokens = estimateTokens(memory) + 4;
    if (tokens > left) return false;
    left -= tokens;
    return true;
  });
}
