/**
 * What a message does that meets a running turn in its channel, where it does not say itself. Pure;
 * the configuration gives the rules, the intake asks.
 */

import { matchesGlob } from "../lib/glob.ts";
import { type Overlap, overlaps } from "./message.ts";

/** A rule: channels by their key (`platform:channel`, `*` for any characters), and what holds there. */
export interface OverlapRule {
  readonly channels: string;
  readonly overlap: Overlap;
}

/** What holds in a channel: the first rule that fits, else `fallback`. */
export function overlapIn(
  channelKey: string,
  { rules, fallback }: { readonly rules: readonly OverlapRule[]; readonly fallback: Overlap },
): Overlap {
  return rules.find(({ channels }) => matchesGlob(channels, channelKey))?.overlap ?? fallback;
}

/** Reads `discord:123=collect`. @throws {Error} with what was expected. */
export function parseOverlapRule(text: string): OverlapRule {
  const at = text.lastIndexOf("=");
  const overlap = overlaps.find((word) => word === text.slice(at + 1).trim());
  if (at <= 0 || overlap === undefined) {
    throw new Error(`expected PLATFORM:CHANNEL=MODE with one of ${overlaps.join(", ")}`);
  }
  return { channels: text.slice(0, at).trim(), overlap };
}
