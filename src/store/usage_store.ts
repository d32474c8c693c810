/**
 * The part of the store that keeps what models were used for: tokens and cost, summed up by user,
 * channel, model, day and purpose. Written with the outcome of a turn; read by budgets and admins.
 */

import { isoDate } from "../lib/iso_time.ts";

/** What one request to a model took. */
export interface UsageEntry {
  /** Who asked: `platform:userId`. */
  readonly userKey: string;
  readonly channelKey: string;
  readonly model: string;
  /** `reply`, or what else it was for. */
  readonly purpose: string;
  /** All of the input, the cached part included. */
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  /** Billionths of a dollar. */
  readonly costNanos: number;
  /** Whether the provider did not say, and the figures are an estimate. */
  readonly estimated: boolean;
  /** Milliseconds since the epoch; it counts for that day in UTC. */
  readonly at: number;
}

/** Figures of several requests together. */
export interface UsageSums {
  readonly requests: number;
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly costNanos: number;
}

/** What a row of a view stands for: a user's key, a channel's, a model, a day such as 2026-01-31. */
export interface UsageRow extends UsageSums {
  readonly key: string;
  /** The part of it that is an estimate. */
  readonly estimated: UsageSums;
}

/** How usage can be summed up. */
export const usageGroups = ["user", "channel", "model", "day", "purpose"] as const;
export type UsageGroup = typeof usageGroups[number];

/** What is spent, or may be. */
export interface Spending {
  /** Input and output. */
  readonly tokens: number;
  readonly costNanos: number;
}

/** Days in UTC as `YYYY-MM-DD`, both included. Default: from the first, to the last. */
export interface DayRange {
  readonly from?: string;
  readonly to?: string;
}

/** Usage. Every method is one transaction. */
export interface UsageStore {
  /** Adds what is not part of a turn; `RequestStore.finish` adds what is. */
  add(entries: readonly UsageEntry[]): Promise<void>;
  /** What a user has spent on the day of `at`. */
  spent(options: { readonly userKey: string; readonly at: number }): Promise<Spending>;
  /** The sums, one row for each key: days in their order, all else the most expensive first. */
  sums(options: { readonly by: UsageGroup } & DayRange): Promise<readonly UsageRow[]>;
  /** The sum of all, under the key `total`. */
  total(range?: DayRange): Promise<UsageRow>;
}

/** The day of a time, in UTC. */
export function dayOf(at: number): string {
  return isoDate(at);
}
