/** What to do with a message that arrives during a turn, if the message does not say so itself. */

import { matchesGlob } from "../lib/glob.ts";
import { type Overlap, overlaps } from "./message.ts";

/** A rule for channels, by their key `platform:channel` with `*` as wildcard. */
export interface OverlapRule {
  readonly channels: string;
  readonly overlap: Overlap;
}

/** The mode of a channel: that of the first matching rule, else `fallback`. */
export function overlapIn(
  channelKey: string,
  { rules, fallback }: { readonly rules: readonly OverlapRule[]; readonly fallback: Overlap },
): Overlap {
  return rules.find(({ channels }) => matchesGlob(channels, channelKey))?.overlap ?? fallback;
}

/** Parses a rule such as `discord:123=collect`. @throws {Error} that says what was expected. */
export function parseOverlapRule(text: string): OverlapRule {
  const at = text.lastIndexOf("=");
  const overlap = overlaps.find((word) => word === text.slice(at + 1).trim());
  if (at <= 0 || overlap === undefined) {
    throw new Error(`expected PLATFORM:CHANNEL=MODE with one of ${overlaps.join(", ")}`);
  }
  return { channels: text.slice(0, at).trim(), overlap };
}
