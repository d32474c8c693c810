/**
 * How far the estimate of tokens is below what a model's provider counts, learnt from its answers. The
 * orchestrator keeps one: texts that the estimate does not know are corrected after one request.
 */

/** The estimate is never taken for more wrong than this. */
const largest = 2;
/** How much of what was learnt is forgotten with each request. */
const fading = 0.01;

export class TokenScale {
  readonly #scales = new Map<string, number>();

  /** By how much estimates for a model are to be multiplied: from 1 to 2. */
  of(model: string): number {
    return this.#scales.get(model) ?? 1;
  }

  /** Learns from a request what its tokens were; an `actual` of 0 says nothing. */
  learn(model: string, count: { readonly estimated: number; readonly actual: number }): void {
    const { estimated, actual } = count;
    if (actual <= 0 || estimated <= 0) return;
    const faded = 1 + (this.of(model) - 1) * (1 - fading);
    const scale = Math.min(largest, Math.max(faded, actual / estimated));
    if (scale > 1) this.#scales.set(model, scale);
  }
}
