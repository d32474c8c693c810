/** Why an answer ended, in whatever words the provider says it. */

import type { FinishReason } from "../../domain/reply.ts";

/** The provider's reasons by what they mean; compared without case, `-` and `_`. */
const meanings: Readonly<Record<Exclude<FinishReason, "other"> | "failure" | "slip", string>> = {
  stop: "stop end endturn eos eostoken stopsequence complete completed finish finished done",
  length: "length maxtokens maxoutputtokens modellength tokenlimit maxlength incomplete " +
    "modelcontextwindowexceeded contextlength",
  tool_calls: "toolcalls toolcall tooluse functioncall functioncalls",
  content_filter:
    "contentfilter contentfiltered safety recitation blocklist prohibitedcontent spii " +
    "imagesafety refusal sensitive guardrailintervened moderation blocked language",
  // The answer failed on the way: OpenRouter, Zhipu, DeepSeek, vLLM.
  failure: "error networkerror insufficientsystemresource abort aborted failed timeout cancelled " +
    "canceled overloaded internalerror servererror",
  // The model called a tool in a way that cannot be read (Google, Groq).
  slip: "malformedfunctioncall unexpectedtoolcall toomanytoolcalls tooluseerror malformedtoolcall",
};

const known = new Map(
  Object.entries(meanings).flatMap(([meaning, words]) =>
    words.split(" ").map((word) => [word, meaning as keyof typeof meanings] as const)
  ),
);

/**
 * The meaning of a provider's `finish_reason`. `failure` is an answer that failed, `slip` a tool call that
 * the model wrote wrong; an unknown word that sounds like a failure is one.
 */
export function readFinishReason(reason: string): FinishReason | "failure" | "slip" {
  const word = reason.toLowerCase().replaceAll(/[^a-z]/g, "");
  const meaning = known.get(word);
  if (meaning) return meaning;
  return /error|fail|abort|cancel|timeout|insufficient|overload/.test(word) ? "failure" : "other";
}
