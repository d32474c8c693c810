/**
 * Context windows of known models, for models without a configured one, and the share of a window that a
 * request may use.
 */

const K = 1_000;
/** Window of an unknown model, tokens. */
const defaultWindow = 128 * K;

/** Windows of known model families. The first match wins. */
const families: readonly (readonly [name: RegExp, tokens: number])[] = [
  [/\bgpt-3\.5/, 16_385],
  [/\bgpt-4-32k/, 32_768],
  [/\bgpt-4(?:-0314|-0613)?$/, 8_192],
  [/\bgpt-4\.1/, 1_047_576],
  [/\bgpt-4/, 128 * K],
  [/\bgpt-5.*chat/, 128 * K],
  [/\bgpt-5/, 400 * K],
  [/\bgpt-oss/, 131_072],
  [/\bo[134](?:-|$)/, 200 * K],
  [/\bclaude/, 200 * K],
  [/\bgemini/, 1_048_576],
  [/\bllama-?3[.:-][123]/, 131_072],
  [/\bllama-?3/, 8_192],
  [/\bllama-?2/, 4_096],
  [/\bmixtral|\bmistral-7b/, 32_768],
  [/\bqwen-?(?:1\.5|2|3)/, 32_768],
  [/\bgemma-?2?(?::|-\d+b|$)/, 8_192],
  [/\bdeepseek/, 64 * K],
];

/** Returns the window of a model by its name, tokens; 128,000 if the name is unknown. */
export function contextWindow(model: string): number {
  const name = model.toLowerCase();
  return families.find(([pattern]) => pattern.test(name))?.[1] ?? defaultWindow;
}

/** Maximum number of tokens reserved for the answer. */
const maxReserve = 8_192;
/** Share reserved for estimation errors and the provider's prompt template. */
const margin = 0.1;

/** Returns the maximum estimated tokens of a request that leave room for the answer. */
export function inputTokens(window: number): number {
  const reserve = Math.min(maxReserve, Math.floor(window / 4));
  return Math.floor((window - reserve) * (1 - margin));
}
