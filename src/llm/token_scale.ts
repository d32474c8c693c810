/**
 * Corrects token estimates that are below the provider's counts, by model. A text that is badly estimated is
 * corrected after one request.
 */

/** Maximum correction factor. */
const maxScale = 2;
/** Decay of the correction with each request. */
const decay = 0.01;

export class TokenScale {
  readonly #scales = new Map<string, number>();

  /** Returns the correction factor for a model's estimates, from 1 to 2. */
  of(model: string): number {
    return this.#scales.get(model) ?? 1;
  }

  /** Updates the factor after a request. Ignores an `actual` of 0. */
  learn(model: string, count: { readonly estimated: number; readonly actual: number }): void {
    const { estimated, actual } = count;
    if (actual <= 0 || estimated <= 0) return;
    const decayed = 1 + (this.of(model) - 1) * (1 - decay);
    const scale = Math.min(maxScale, Math.max(decayed, actual / estimated));
    if (scale > 1) this.#scales.set(model, scale);
  }
}
