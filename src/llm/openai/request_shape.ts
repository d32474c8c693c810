/**
 * Which optional parts of a request a model takes. Providers refuse parameters by name; the part that is named
 * is left out, the request is sent once more, and what worked is remembered for the model.
 */

import { meaningOf } from "./failure_rules.ts";
import type { ProviderError } from "./provider_error.ts";

/** The parts of a request that can be left out, in the order in which an error is matched to them. */
export const requestParts = [
  "stream_options",
  "parallel_tool_calls",
  "tool_choice",
  "stream",
  "max_completion_tokens",
  "max_tokens",
  "message_fields",
  "foreign_calls",
  "reasoning_effort",
  "temperature",
  "long_call_ids",
  "images",
  "system",
  "tools",
] as const;

/** One of the {@linkcode requestParts}. */
export type RequestPart = typeof requestParts[number];

/** How an error refuses a part: one of its sentences matches both. Linear: the text comes from outside. */
interface Refusal {
  readonly named: RegExp;
  readonly refused: RegExp;
}

/** Words that say that a part is unknown or not supported at all. */
const support =
  /unsupported|not (?:yet |currently )?support|n't (?:yet |currently )?support|unknown (?:name|parameter|field|argument|variant|key)|unrecogni[sz]ed|extra (?:inputs?|fields?)|extra_forbidden|additional propert|not permitted|not allowed|not accept|not available|unavailable|(?:not|n't) enabled|requires? --|no endpoints? found|incompatible|不支持/i;
/** The same for a value, which may also be refused for what it is. */
const value =
  /unsupported|not (?:yet |currently )?support|n't (?:yet |currently )?support|unknown|unrecogni[sz]ed|unexpected|extra (?:inputs?|fields?)|extra_forbidden|additional propert|not permitted|not allowed|not accept|not available|unavailable|(?:not|n't) enabled|can(?:not|'t) (?:both )?be|no endpoints? found|incompatible|deprecated|removed|invalid|must be|should be|may only|is only|only (?:supports?|the default|\d)|too (?:large|high|big)|out of range|at most|不支持|非法/i;

const refusals: Readonly<Record<RequestPart, Refusal>> = {
  stream_options: { named: /stream_?options|include_usage/i, refused: value },
  parallel_tool_calls: { named: /parallel_?tool_?calls|parallel tool/i, refused: value },
  tool_choice: { named: /tool_?choice/i, refused: value },
  stream: {
    named: /^stream$|["'`]stream["'`]|(?<!non-)\bstreaming\b|stream mode|to stream/i,
    refused: /unsupported|not support|n't support|not allowed|not available|must be|不支持/i,
  },
  max_completion_tokens: { named: /max_?completion_?tokens/i, refused: value },
  max_tokens: { named: /max_?(?:output_|new_)?tokens/i, refused: value },
  message_fields: {
    named:
      /reasoning_content|reasoning_details|reasoning_text|reasoning_opaque|thought_signature|extra_content|thinking_blocks|provider_specific_fields|messages?[\[.]\d+\]?\.(?:assistant\.)?(?:reasoning|thinking)/i,
    refused: support,
  },
  foreign_calls: {
    named: /reasoning_content|thought_?signature|["'`]thinking["'`]/i,
    refused:
      /missing|must be (?:passed|sent|provided|included)|is required|expected ["'`]thinking/i,
  },
  reasoning_effort: {
    named: /reasoning[_. ]?effort|support (?:thinking|reasoning)|thinking is not/i,
    refused: value,
  },
  temperature: { named: /temperature/i, refused: value },
  long_call_ids: { named: /tool.?call.?id/i, refused: /with a length of|at most|too long/i },
  images: {
    named:
      /image_url|images?\b|\bvision\b|multimodal|mmproj|content.{0,40}(?:valid string|be a string)|expected (?:a )?string|concatenate str/i,
    refused:
      /unsupported|not support|n't support|unknown variant|not (?:enabled|available|allowed|permitted)|no endpoints? found|only (?:supported|text)|at most 0|not a (?:multimodal|vision)|mmproj|missing data|(?:valid|be a|expected a?) ?string|concatenate str|vision request|不支持/i,
  },
  system: {
    named:
      /system (?:role|message|prompt|instruction)|role.{0,12}system|["'`]system["'`]|developer (?:instruction|message|role)|system_?instruction|only user|roles? must alternate/i,
    refused: new RegExp(`${support.source}|only user|must alternate`, "i"),
  },
  tools: {
    named: /\btools?\b|function.?call|\bfunctions\b|roles? must alternate/i,
    refused: new RegExp(`${support.source}|must alternate`, "i"),
  },
};

/** What a request had that an error may refuse. */
export interface SentRequest {
  readonly parts: ReadonlySet<RequestPart>;
  /** Names of the fields of assistant messages that were sent back. */
  readonly fields?: Iterable<string>;
  /** Names of the tools, in their order. */
  readonly tools?: readonly string[];
}

/** The part of a sent request that an error refuses by name; undefined if it names none. */
export function refusedPart(
  error: ProviderError,
  { parts, fields = [] }: SentRequest,
): RequestPart | undefined {
  const meaning = meaningOf(error);
  if (meaning !== "request" && meaning !== "model" && meaning !== "image") return undefined;
  const { param = "", text, codes } = error;
  const candidates = requestParts.filter((part) => parts.has(part));
  const sentFields = [...fields].map((name) => name.toLowerCase());
  const isField = (path: string) => sentFields.includes(path.toLowerCase());
  const pathEnd = param.slice(param.lastIndexOf(".") + 1);
  const byParam = candidates.find((part) => {
    if (part === "message_fields") return /message/i.test(param) && isField(pathEnd);
    // An error about one tool, or about one message, says nothing about all of them.
    return /message|tools?[\[.]/i.test(param) ? false : refusals[part].named.test(param);
  });
  if (byParam) return byParam;
  const saysWhy = param === "" &&
    codes.some((code) => /^(?:unsupported|unknown)_|extra_forbidden/.test(code));
  for (const sentence of sentencesOf(text)) {
    const part = candidates.find((part) => {
      const { named, refused } = refusals[part];
      if (!refused.test(sentence)) return false;
      if (named.test(sentence)) return true;
      return part === "message_fields" && quotedWords(sentence).some(isField);
    });
    if (part) return part;
  }
  return saysWhy ? candidates.find((part) => refusals[part].named.test(text)) : undefined;
}

/** The one tool that an error refuses, such as for its schema; undefined if it names none. */
export function refusedTool(
  error: ProviderError,
  { tools = [] }: SentRequest,
): string | undefined {
  const { status, param = "", text } = error;
  if (status !== 400 && status !== 422 || meaningOf(error) !== "request") return undefined;
  const all = `${param}\n${text}`;
  const index = /function_declarations[\[.](\d{1,4})/i.exec(all) ??
    /\b(?:tools|functions)[\[.](\d{1,4})/i.exec(all);
  if (index) return tools[Number(index[1])];
  if (!/schema|parameters|function name|tool name/i.test(text)) return undefined;
  return quotedWords(text).find((word) => tools.includes(word));
}

/** The sentences of a text, and the lines. */
function sentencesOf(text: string): readonly string[] {
  return text.split(/\n|[.;!] |。/);
}

/** Words in quotes, and words after "property". */
function quotedWords(text: string): readonly string[] {
  return [...text.matchAll(/["'`]([\w.-]{1,64})["'`]/g)].map(([, word]) => word!);
}

/** What a model takes; starts from models.yaml and learns from refusals. */
export class RequestShape {
  readonly #left: Set<RequestPart>;
  readonly #leftTools: Set<string>;

  constructor(left: Iterable<RequestPart> = [], leftTools: Iterable<string> = []) {
    this.#left = new Set(left);
    this.#leftTools = new Set(leftTools);
  }

  /** Whether a part is sent. */
  has(part: RequestPart): boolean {
    return !this.#left.has(part);
  }

  /** Whether a tool is offered. */
  hasTool(name: string): boolean {
    return !this.#leftTools.has(name);
  }

  /** Leaves out a part from now on. */
  leaveOut(part: RequestPart): void {
    this.#left.add(part);
  }

  /** Leaves out a tool from now on. */
  leaveOutTool(name: string): void {
    this.#leftTools.add(name);
  }

  /** A copy, to be changed for one request. */
  copy(): RequestShape {
    return new RequestShape(this.#left, this.#leftTools);
  }
}
