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
  readonly status?: (status: number) => boolean;
  /** Matched against codes, types and statuses in lower case. */
  readonly code?: RegExp;
  /** Matched against everything the body says. */
  readonly text?: RegExp;
  /** Whether the body is a web page: a proxy or firewall answers, not the provider. */
  readonly page?: boolean;
}

const is = (...statuses: readonly number[]) => (status: number) => statuses.includes(status);
const isClientError = (status: number) => status >= 400 && status < 500;

/** The table. Regular expressions are linear: the text comes from outside. */
export const failureRules: readonly FailureRule[] = [
  // The request is too long.
  {
    meaning: "too_long",
    providers: ["OpenAI", "Azure", "Mistral", "OpenRouter", "LM Studio", "Copilot"],
    code:
      /context_length|context_window|max_prompt_tokens|prompt_too_long|string_above_max_length|request_too_large|tokens_limit_reached|context_overflow|input_too_long|exceed_context_size/,
  },
  {
    meaning: "too_long",
    providers: ["OpenAI", "vLLM", "Mistral", "DeepSeek", "Groq", "LiteLLM", "OpenRouter"],
    text:
      /context.?(?:length|window|size|limit)|maximum context|max_model_len|max_seq_len|contextwindowexceeded/i,
  },
  {
    meaning: "too_long",
    providers: ["Anthropic", "Bedrock", "xAI", "Moonshot", "Ollama"],
    text:
      /(?:prompt|input|message|messages|request|conversation|content|text) (?:is|are|was|were) too (?:long|large|big)|too many (?:input )?tokens|too long for (?:the|this) model|exceed(?:s|ed)? (?:the )?(?:model(?:'s)? )?(?:maximum )?(?:prompt|input) (?:length|size|token)|longer than the (?:model|context)/i,
  },
  {
    meaning: "too_long",
    providers: ["Google", "GitHub Models", "Copilot", "DashScope", "Zhipu", "llama.cpp"],
    text:
      /(?:input|prompt) token count|token count (?:of \d+ )?exceeds|exceeds? the (?:maximum|max|limit|available)(?: number| amount)? ?(?:of)? ?(?:\d+ )?(?:input )?(?:tokens|context)|range of input length|max(?:imum)? size: \d+ tokens|token limit|reduce (?:the length|your (?:message|prompt|input))|prompt.{0,20}(?:超长|过长)|输入.{0,20}(?:超|过)长/i,
  },
  // A single request larger than the whole budget of a minute will never fit.
  {
    meaning: "too_long",
    providers: ["Groq", "OpenAI"],
    status: is(413, 429),
    text: /request too large|tokens per min(?:ute)?[\s\S]{0,80}requested/i,
  },
  {
    meaning: "too_long",
    providers: ["GitHub Models", "nginx"],
    status: is(413),
  },
  // The model's own mistake.
  {
    meaning: "slip",
    providers: ["Groq", "Google", "llama.cpp", "DashScope"],
    code: /tool_use_failed|malformed_function_call|json_validate_failed|output_parse_failed/,
  },
  {
    meaning: "slip",
    providers: ["Groq", "llama.cpp", "vLLM", "Ollama"],
    text:
      /failed to call a function|failed_generation|failed to parse (?:the )?(?:tool|function|model)|error parsing tool call|(?:model|generation) (?:produced|generated) invalid/i,
  },
  // Filters.
  {
    meaning: "filtered",
    providers: ["OpenAI", "Azure", "Google", "xAI", "Zhipu", "DashScope", "Bedrock", "Mistral"],
    code:
      /content_filter|content_policy|responsibleai|responsible_ai|data_?inspection|guardrail|moderation|safety|prohibited_content|image_content_policy|^1301$/,
  },
  {
    meaning: "filtered",
    providers: ["OpenRouter", "Azure", "DashScope", "xAI", "Moonshot", "Zhipu", "DeepSeek"],
    status: isClientError,
    text:
      /content (?:management )?(?:policy|filter|policies)|\bflagged\b|requires moderation|inappropriate content|content exists risk|high risk|usage (?:guidelines|policy|policies)|safety (?:system|filter|check|reasons)|violat(?:es|ed|ing) |sensitive (?:content|information|words)|不安全|敏感/i,
  },
  // Images.
  {
    meaning: "image",
    providers: ["OpenAI", "Anthropic", "Google", "OpenRouter", "llama.cpp", "Ollama", "vLLM"],
    text:
      /unsupported image|invalid image|image(?:s)?.{0,60}(?:not supported|unsupported|invalid|too large|exceeds|could not|cannot|failed|unable)|(?:could not|cannot|failed to|unable to) (?:process|decode|load|read|fetch|download).{0,40}image|support(?:s)? image|image input|\bvision\b|multimodal|mmproj|image_url/i,
  },
  {
    meaning: "image",
    providers: ["OpenAI"],
    code: /invalid_image|image_parse_error|image_too_large|unsupported_image/,
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
    providers: ["OpenAI", "DeepSeek", "Moonshot", "Zhipu", "DashScope", "OpenRouter", "xAI"],
    code:
      /insufficient_quota|insufficient_balance|exceeded_current_quota|billing|arrearage|payment_required|credit_limit|^1113$/,
  },
  {
    meaning: "quota",
    providers: ["Anthropic", "OpenAI", "DashScope", "xAI", "Moonshot"],
    status: is(400, 402, 403, 429),
    text:
      /credit balance|insufficient (?:balance|credit|funds|quota)|exceeded your current quota|(?:no|out of|used all (?:available )?) ?credits|billing|account.{0,30}(?:suspended|arrears|overdue)|余额不足|欠费/i,
  },
  { meaning: "quota", providers: ["DeepSeek", "OpenRouter", "Hugging Face"], status: is(402) },
  // The model.
  {
    meaning: "model",
    providers: ["OpenAI", "Azure", "Groq", "Anthropic", "Mistral", "Copilot", "GitHub Models"],
    status: is(400, 403, 404, 422),
    code:
      /model_not_found|deploymentnotfound|invalid_model|unknown_model|model_not_supported|model_not_available|model_decommissioned|model_terms_required|model_permission|^1211$/,
  },
  {
    meaning: "model",
    providers: [
      "OpenAI",
      "Ollama",
      "vLLM",
      "OpenRouter",
      "DeepSeek",
      "xAI",
      "LM Studio",
      "Moonshot",
    ],
    status: is(400, 403, 404, 422),
    text:
      /model.{0,100}(?:not found|does not exist|not exist|doesn't exist|is not available|decommissioned|deprecated|has been (?:removed|retired|shut down))|(?:no such|unknown|invalid|unsupported) model|not a valid model|(?:no|not) (?:permission|access|authorized).{0,40}model|not found the model|pull(?:ing)? it first|no models? loaded|模型不存在/i,
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
    providers: ["Google", "xAI", "Bedrock", "Cloudflare"],
    status: is(400, 403),
    text:
      /api[ _-]?key|authenticat|authoriz|permission|access denied|security token|country|region|token (?:is )?(?:invalid|expired)/i,
  },
  // Load and outages.
  {
    meaning: "busy",
    providers: ["OpenAI", "Anthropic", "Azure", "Bedrock", "Google", "Zhipu"],
    code:
      /rate_?limit|too_?many_?requests|resource_?exhausted|throttl|engine_overloaded|^429$|^130[2-5]$/,
  },
  { meaning: "busy", providers: ["all"], status: is(429) },
  // Servers that answer 500 to what is wrong with the request.
  {
    meaning: "request",
    providers: ["llama.cpp", "LM Studio", "vLLM", "Ollama"],
    status: (status) => status >= 500,
    text:
      /roles? must alternate|jinja|chat template|template error|invalid role|unsupported role|does not support|not supported|unsupported|invalid (?:argument|parameter|request|grammar|json schema)|badrequesterror|invalid_request/i,
  },
  {
    meaning: "down",
    providers: ["Anthropic", "OpenAI", "DeepSeek", "Zhipu"],
    status: (status) => status >= 500 || status === 408 || status === 429,
    code: /overloaded|server_error|internal_?(?:server_)?error|api_error|unavailable|timeout/,
  },
  { meaning: "down", providers: ["all"], status: (status) => status >= 500 || status === 408 },
  { meaning: "down", providers: ["Groq"], status: is(409, 425, 498, 499) },
  // A wrong path, or a refusal in words that nobody here knows: others may still use the model.
  { meaning: "request", providers: ["all"], status: isClientError },
];

/** What an error means. An error inside a stream that no rule knows is an outage. */
export function meaningOf(error: ProviderError): Meaning {
  const { status, codes, text, page } = error;
  const rule = failureRules.find((rule) =>
    (!rule.status || status !== undefined && rule.status(status)) &&
    (!rule.code || codes.some((code) => rule.code!.test(code))) &&
    (!rule.text || rule.text.test(text)) &&
    (rule.page === undefined || rule.page === page)
  );
  return rule?.meaning ?? "down";
}
