/**
 * What a provider's error means: one table, first match wins. Each rule names the providers it comes from.
 * What is wrong with one request must never cost others the model, so only rules about the model itself, its
 * key or its load have a meaning with a cooldown.
 */

import type { ProviderError } from "./provider_error.ts";

/**
 * - `too_long`: the request does not fit; it is sent again shorter.
 * - `filtered`: the provider's filter refuses the content.
 * - `image`: an image cannot be read; the request is sent again without it.
 * - `slip`: the model wrote something invalid; the same request may succeed.
 * - `quota`: the account is out of credit.
 * - `key`: the key is refused.
 * - `model`: the provider does not know the model.
 * - `busy`: too many requests.
 * - `down`: the provider or its model is out of order.
 * - `request`: this request is refused, for a reason of its own.
 */
export type Meaning =
  | "too_long"
  | "filtered"
  | "image"
  | "slip"
  | "quota"
  | "key"
  | "model"
  | "busy"
  | "down"
  | "request";

/** One rule; all conditions that are present must hold. */
export interface FailureRule {
  readonly meaning: Meaning;
  /** Where the wording or code was seen. */
  readonly providers: readonly string[];
  /** The HTTP status; undefined for an error inside a stream that gives no number. */
  readonly status?: (status: number | undefined) => boolean;
  /** Matched against codes, types and statuses in lower case. */
  readonly code?: RegExp;
  /** Matched against everything the body says. */
  readonly text?: RegExp;
  /** Whether the body is a web page: a proxy or firewall answers, not the provider. */
  readonly page?: boolean;
}

type Status = number | undefined;
const is = (...statuses: readonly number[]) => (status: Status) =>
  status !== undefined && statuses.includes(status);
const isClientError = (status: Status) => status !== undefined && status >= 400 && status < 500;
const isServerError = (status: Status) => status !== undefined && status >= 500;
/** Anything but a refused key, an empty account or a busy provider. */
const mayBeRequest = (status: Status) => !is(401, 402, 429)(status);
const isNotServerError = (status: Status) => mayBeRequest(status) && !isServerError(status);
const isLate = (status: Status) => status === undefined || status >= 500;

/** The table. Regular expressions are linear: the text comes from outside. */
export const failureRules: readonly FailureRule[] = [
  // The model's own mistake. First, since some servers quote what it wrote.
  {
    meaning: "slip",
    providers: ["Groq", "Google", "DashScope"],
    code: /tool_use_failed|malformed_function_call|json_validate_failed|output_parse_failed/,
  },
  {
    meaning: "slip",
    providers: ["Groq", "llama.cpp", "vLLM", "Ollama", "Bedrock"],
    status: mayBeRequest,
    text:
      /failed to call a function|tool call validation failed|failed to parse (?:the )?(?:tool|function|model|json|input at pos)|error parsing tool call|malformed.?function.?call|xml syntax error|invalid character '.{1,4}' (?:looking|after|in)|invalid diff: now finding|(?:model|generation) (?:produced|generated) (?:an )?(?:invalid|output that)/i,
  },
  // The request is too long.
  {
    meaning: "too_long",
    providers: ["OpenAI", "Azure", "Mistral", "OpenRouter", "LM Studio", "Copilot", "Zhipu"],
    status: mayBeRequest,
    code:
      /context_length|context_window|max_prompt_tokens|prompt_too_long|string_above_max_length|request_too_large|tokens_limit_reached|context_overflow|input_too_long|exceed_context_size|^1261$/,
  },
  {
    meaning: "too_long",
    providers: ["OpenAI", "vLLM", "Mistral", "DeepSeek", "Groq", "LiteLLM", "LM Studio"],
    status: mayBeRequest,
    text:
      /context.?(?:length|window|size|limit)|maximum (?:context|prompt length|model length)|max_model_len|max_seq_len|contextwindowexceeded/i,
  },
  {
    meaning: "too_long",
    providers: ["Anthropic", "Bedrock", "xAI", "Moonshot", "Ollama", "llama.cpp"],
    status: mayBeRequest,
    text:
      /(?:prompt|input|message|messages|request|conversation|content|text) (?:is|are|was|were) too (?:long|large|big)|too many (?:input )?tokens(?!, please wait)|too many total text bytes|too long for (?:the|this) model|exceed(?:s|ed)? (?:the )?(?:model(?:'s)? )?(?:maximum )?(?:prompt|input) (?:length|size|token)|longer than the (?:model|context|maximum)|input length \d+ exceeds/i,
  },
  {
    meaning: "too_long",
    providers: ["Google", "GitHub Models", "Copilot", "DashScope", "Zhipu", "Moonshot"],
    status: mayBeRequest,
    text:
      /(?:input|prompt) token count|token count (?:of \d+ )?exceeds|prompt exceeds|exceeds? the (?:maximum|max|limit|available)(?: number| amount)? ?(?:of)? ?(?:\d+ )?(?:input )?(?:tokens|context)|range of input length|max(?:imum)? size: \d+ tokens|max (?:message )?tokens allowed|exceeds? max message tokens|`?inputs`? (?:tokens|must have less)|token limit|reduce (?:the length|your (?:message|prompt|input))|(?:prompt|输入).{0,20}(?:超长|过长|超出)/i,
  },
  // A single request larger than the whole budget of a minute will never fit.
  {
    meaning: "too_long",
    providers: ["Groq", "OpenAI"],
    status: is(413, 429),
    text: /request too large/i,
  },
  {
    meaning: "too_long",
    providers: ["GitHub Models", "nginx"],
    status: is(413),
  },
  // Filters.
  {
    meaning: "filtered",
    providers: ["OpenAI", "Azure", "Google", "xAI", "Zhipu", "DashScope", "Bedrock", "Mistral"],
    code:
      /content_?filter|content_?policy|responsibleai|responsible_ai|data_?inspection|guardrail|moderation|safety|prohibited_content|sensitive|^1301$/,
  },
  {
    meaning: "filtered",
    providers: ["OpenRouter", "Azure", "DashScope", "xAI", "Moonshot", "DeepSeek", "LiteLLM"],
    status: isNotServerError,
    text:
      /content.?(?:management.)?(?:policy|filter|policies)|\bflagged\b|requires moderation|inappropriate content|content exists risk|high risk|usage (?:guidelines|policy|policies)|safety (?:system|filter|check|reasons)|violat(?:e|es|ed|ing|ion) .{0,40}(?:polic|guideline|terms)|sensitive (?:content|information|words)|content (?:was |is )?blocked|prohibited.?content|new_sensitive|不安全|敏感/i,
  },
  // Images. Names of models contain "vision", so the word alone says nothing.
  {
    meaning: "image",
    providers: ["OpenAI"],
    code: /invalid_image|image_parse_error|image_too_large|unsupported_image/,
  },
  {
    meaning: "image",
    providers: ["OpenAI", "Anthropic", "Google", "OpenRouter", "DeepSeek", "Mistral", "LM Studio"],
    status: mayBeRequest,
    text:
      /image inputs?\b|image_url|valid image|unsupported image|too many images|image does not match|base64 encoded image|images?\b.{0,60}(?:not supported|unsupported|invalid|too large|exceeds|could not|cannot|failed|unable|restrictions)|(?:could not|cannot|failed to|unable to) (?:process|decode|load|read|fetch|download).{0,40}image|support(?:s)? (?:the )?(?:image|vision|multimodal)/i,
  },
  {
    meaning: "image",
    providers: ["vLLM", "llama.cpp", "Ollama", "Copilot", "Zhipu"],
    status: mayBeRequest,
    text:
      /not a (?:multimodal|vision)|multi-?modal messages are not|only supports text|allowed values: \['text'\]|图片|at most \d+ image|mmproj|vision (?:request|input|is not)|multimodal (?:input|data)/i,
  },
  // The account.
  {
    meaning: "request",
    providers: ["OpenRouter"],
    status: is(402),
    text: /can only afford|fewer max_tokens/i,
  },
  {
    meaning: "quota",
    providers: ["OpenAI", "DeepSeek", "Moonshot", "DashScope", "OpenRouter", "Copilot", "LiteLLM"],
    code:
      /insufficient_quota|insufficient_balance|exceeded_current_quota|billing|arrearage|payment_required|credit_limit|quota_exceeded|budget_exceeded|freetieronly|^1113$|^1309$/,
  },
  // Before the wording: it may point to a page about billing (Groq) or say "quota" (Google).
  {
    meaning: "busy",
    providers: ["Groq", "Google", "OpenAI", "Anthropic", "Moonshot", "Bedrock"],
    status: is(429),
    code: /rate_?limit|too_?many_?requests|resource_exhausted|throttl|overloaded/,
  },
  {
    meaning: "quota",
    providers: ["OpenAI", "xAI", "DashScope", "Moonshot"],
    status: is(402, 403, 429),
    text:
      /credit balance|insufficient (?:balance|credit|funds|quota)|exceeded your current quota|(?:no|any|out of|used all(?: available)?) credits|billing|spending limit|key limit exceeded|account.{0,60}(?:suspended|arrears|overdue)|free (?:tier|quota).{0,60}exhausted|余额不足|欠费/i,
  },
  {
    meaning: "quota",
    providers: ["Anthropic", "DashScope", "LiteLLM"],
    status: is(400),
    text:
      /credit balance is too low|specified api usage limits|account is in good standing|budget has been exceeded|余额不足|欠费/i,
  },
  { meaning: "quota", providers: ["DeepSeek", "OpenRouter", "Hugging Face"], status: is(402) },
  // The model.
  {
    meaning: "model",
    providers: ["OpenAI", "Azure", "Groq", "Mistral", "Copilot", "GitHub Models", "Zhipu"],
    status: is(400, 403, 404, 410, 422),
    code:
      /model_not_found|deploymentnotfound|invalid_model|unknown_model|model_not_supported|model_not_available|model_decommissioned|model_terms_required|model_permission|unsupported_api_for_model|^1211$/,
  },
  {
    meaning: "model",
    providers: ["Anthropic"],
    status: is(404),
    text: /^model: /im,
  },
  {
    meaning: "model",
    providers: ["OpenRouter"],
    status: is(400, 404),
    text: /no endpoints (?:found|available) (?:for|matching)|no allowed providers/i,
  },
  {
    meaning: "model",
    providers: ["OpenAI", "Ollama", "vLLM", "DeepSeek", "xAI", "LM Studio", "Moonshot", "Bedrock"],
    status: is(400, 403, 404, 410, 422),
    text:
      /models?\b(?:(?!tool|message|param|argument|input).){0,100}(?:not found|does not exist|not exist|doesn't exist|is not available|identifier is invalid|decommissioned|no longer (?:available|supported)|not accessible|has been (?:deprecated|removed|retired|shut down))|(?:no such|unknown|invalid|unsupported) model|not a valid model|(?:no|not|n't have) (?:permission|access|authorized).{0,40}model|not found the model|could not find model|not a chat model|only supported in v1\/responses|(?:the|requested|['"`]) model is not supported|pull(?:ing)? it first|no models? loaded|failed to load model|模型不存在/i,
  },
  // The key.
  { meaning: "key", providers: ["all"], status: is(401) },
  // A firewall that dislikes the content of one message.
  {
    meaning: "request",
    providers: ["Cloudflare", "AWS WAF", "Akamai"],
    status: is(403),
    page: true,
  },
  {
    meaning: "key",
    providers: ["Google", "xAI", "DashScope", "Moonshot"],
    status: is(400, 403),
    code:
      /invalid_?api_?key|api_key_invalid|authentication|permission_denied|access_?denied|unauthorized/,
  },
  {
    meaning: "key",
    providers: ["Google", "xAI", "Bedrock", "Groq"],
    status: is(403),
    text:
      /api[ _-]?key|authenticat|authoriz|permission|access denied|security token|country|region|token (?:is )?(?:invalid|expired)/i,
  },
  // With 400 only sentences that nothing else begins with.
  {
    meaning: "key",
    providers: ["Google", "xAI", "Groq"],
    status: is(400),
    text:
      /^(?:api key (?:not valid|not found|expired|is)|(?:incorrect|invalid) api key|please pass a valid api key|missing or invalid authorization|user location is not supported|organization has been restricted)/im,
  },
  // Load and outages.
  {
    meaning: "busy",
    providers: ["OpenAI", "Anthropic", "Azure", "Bedrock", "Google", "Zhipu"],
    code:
      /rate_?limit|too_?many_?requests|resource_?exhausted|throttl|engine_overloaded|^429$|^130[2-5]$/,
  },
  { meaning: "busy", providers: ["all"], status: is(429) },
  // Servers that answer 500, or begin a stream, to say what is wrong with the request.
  {
    meaning: "request",
    providers: ["llama.cpp", "LM Studio", "vLLM", "Ollama", "LiteLLM"],
    status: isLate,
    text:
      /roles? must alternate|only user and assistant|jinja|chat template|template error|invalid role|unsupported role|does not support|not supported|unsupported|tool call id was|invalid (?:argument|parameter|request\b|grammar|json schema)|badrequesterror|invalid_request/i,
  },
  {
    meaning: "down",
    providers: ["Anthropic", "OpenAI", "DeepSeek", "Zhipu"],
    status: isLate,
    code: /overloaded|server_error|internal_?(?:server_)?error|api_error|unavailable|timeout/,
  },
  {
    meaning: "request",
    providers: ["OpenRouter", "Mistral", "DashScope"],
    status: (status) => status === undefined,
    code: /invalid_request|bad_?request|invalid_argument|invalid_?parameter|validation_?error/,
  },
  { meaning: "down", providers: ["all"], status: (status) => isServerError(status) },
  { meaning: "down", providers: ["Groq"], status: is(408, 409, 425, 498, 499) },
  // A wrong path, or a refusal in words that nobody here knows: others may still use the model.
  { meaning: "request", providers: ["all"], status: isClientError },
];

/** What an error means. An error inside a stream that no rule knows is an outage. */
export function meaningOf(error: ProviderError): Meaning {
  const { status, codes, text, page } = error;
  const rule = failureRules.find((rule) =>
    (!rule.status || rule.status(status)) &&
    (!rule.code || codes.some((code) => rule.code!.test(code))) &&
    (!rule.text || rule.text.test(text)) &&
    (rule.page === undefined || rule.page === page)
  );
  return rule?.meaning ?? "down";
}
