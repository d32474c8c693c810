/**
 * Which optional parts of a request a model takes. Providers refuse parameters by name; the part that is named
 * is left out, the request is sent once more, and what worked is remembered for the model.
 */

import type { ProviderError } from "./provider_error.ts";

/** The parts of a request that can be left out, in the order in which an error is matched to them. */
export const requestParts = [
  "stream_options",
  "parallel_tool_calls",
  "tool_choice",
  "max_completion_tokens",
  "max_tokens",
  "reasoning_effort",
  "temperature",
  "message_fields",
  "long_call_ids",
  "images",
  "system",
  "tools",
  "stream",
] as const;

/** One of the {@linkcode requestParts}. */
export type RequestPart = typeof requestParts[number];

/** How an error names each part. Linear expressions: the text comes from outside. */
const mentions: Readonly<Record<RequestPart, RegExp>> = {
  stream_options: /stream_options|include_usage|streamoptions/i,
  parallel_tool_calls: /parallel_tool_calls|parallel tool/i,
  tool_choice: /tool_choice(?!.{0,40}(?:parser|enable-auto))/i,
  max_completion_tokens: /max_completion_tokens/i,
  max_tokens: /max_tokens|max_output_tokens|max_new_tokens/i,
  reasoning_effort: /reasoning_effort|reasoning\.effort|reasoning effort/i,
  temperature: /temperature/i,
  message_fields:
    /reasoning_content|reasoning_details|reasoning_text|thought_signature|extra_content|thinking_blocks|messages?[\[.]\d+\]?\.(?:assistant\.)?(?:reasoning|thinking)/i,
  long_call_ids: /tool.?call.?id.{0,80}length|length of 9/i,
  images:
    /image_url|image input|images?\b|\bvision\b|multimodal|mmproj|content.{0,40}(?:valid string|should be a string|must be a string)|expected (?:a )?string.{0,20}(?:array|sequence|list)/i,
  system:
    /system (?:role|message|prompt|instruction)|role.{0,12}system|["'`]system["'`]|developer (?:instruction|message|role)|systeminstruction/i,
  tools: /\btools?\b|function.?call|functions?\b/i,
  stream: /\bstream(?:ing)?\b/i,
};

/** Words by which an error refuses what it names. */
const refusal =
  /unsupported|not (?:yet )?support|n't support|unknown|unrecognized|unexpected|extra (?:inputs?|fields?)|additional propert|not permitted|not allowed|not accept|invalid|unavailable|not available|not enabled|can(?:not|'t) (?:be )?(?:use|set)|requires? |no endpoints? found|incompatible|forbidden|deprecated|removed|must be|should be|expected|only (?:supports?|the default)|use ['"`]?max/i;

/**
 * The part of a sent request that an error refuses by name; undefined if it names none.
 *
 * @param sent the parts that the request had.
 */
export function refusedPart(
  error: ProviderError,
  sent: ReadonlySet<RequestPart>,
): RequestPart | undefined {
  const { status, text, codes, param = "" } = error;
  if (status === undefined || status < 400 || status === 401 || status === 402 || status === 429) {
    return undefined;
  }
  const candidates = requestParts.filter((part) => sent.has(part));
  if (param !== "") {
    const named = candidates.find((part) => mentions[part].test(param));
    if (named) return named;
  }
  if (!refusal.test(text) && !codes.some((code) => refusal.test(code.replaceAll("_", " ")))) {
    return undefined;
  }
  return candidates.find((part) => mentions[part].test(text));
}

/** What a model takes; starts from models.yaml and learns from refusals. */
export class RequestShape {
  readonly #left = new Set<RequestPart>();

  constructor(left: Iterable<RequestPart> = []) {
    for (const part of left) this.#left.add(part);
  }

  /** Whether a part is sent. */
  has(part: RequestPart): boolean {
    return !this.#left.has(part);
  }

  /** The parts that are left out. */
  get left(): ReadonlySet<RequestPart> {
    return this.#left;
  }

  /** Leaves out a part from now on. */
  leaveOut(part: RequestPart): void {
    this.#left.add(part);
  }

  /** The shape without one more part. */
  without(part: RequestPart): RequestShape {
    return new RequestShape([...this.#left, part]);
  }
}
