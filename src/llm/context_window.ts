/**
 * How many tokens a model takes, and how many of them a request may fill. The models' client asks for
 * it where nothing says it, the gateway's wiring for the rest.
 */

const K = 1_000;
/** What a model takes that is not in the list. */
const usual = 128 * K;

/** The windows of known families; the first that fits the model's name counts. */
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

/** The window of a model by its name, tokens; 128,000 where the name is not known. */
export function contextWindow(model: string): number {
  const name = model.toLowerCase();
  return families.find(([pattern]) => pattern.test(name))?.[1] ?? usual;
}

/** The most tokens that are kept free for the answer. */
const largestReserve = 8_192;
/** What the estimate may be wrong by, and what a provider's own template adds. */
const margin = 0.1;

/** The tokens (estimated) that a request may have, so that its answer fits into the window, too. */
export function inputTokens(window: number): number {
  const reserve = Math.min(largestReserve, Math.floor(window / 4));
  return Math.floor((window - reserve) * (1 - margin));
}
