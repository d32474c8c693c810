/** How many tokens a text has, roughly. Used where a budget is kept without the model's tokenizer. */

/**
 * Estimates tokens: four characters of ASCII to a token, one and a half of anything else. Byte-pair
 * tokenizers of today's models stay below this for prose and code in most scripts.
 */
export function estimateTokens(text: string): number {
  let wide = 0;
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 127) wide++;
  return Math.ceil((text.length - wide) / 4 + wide / 1.5);
}
