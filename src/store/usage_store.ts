/** Stores model usage: tokens and cost by user, channel, model, day and purpose. */

/** Usage of one model request. */
export interface UsageEntry {
  /** The user: `platform:userId`. */
  readonly userKey: string;
  readonly channelKey: string;
  readonly model: string;
  /** `reply`, or what else the request was for. */
  readonly purpose: string;
  /** All input tokens, including cached ones. */
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  /** Billionths of a dollar. */
  readonly costNanos: number;
  /** Whether the provider reported no usage and the numbers are estimated. */
  readonly estimated: boolean;
  /** Counts for this day in UTC. */
  readonly at: number;
}

/** Sums over requests. */
export interface UsageSums {
  readonly requests: number;
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly costNanos: number;
}

/** Sums of a group. */
export interface UsageRow extends UsageSums {
  /** User key, channel key, model, purpose, or day such as 2026-01-31. */
  readonly key: string;
  /** The estimated part of the sums. */
  readonly estimated: UsageSums;
}

/** What usage can be grouped by. */
export const usageGroups = ["user", "channel", "model", "day", "purpose"] as const;
export type UsageGroup = typeof usageGroups[number];

/** What was spent, or may be. */
export interface Spending {
  /** Input and output. */
  readonly tokens: number;
  readonly costNanos: number;
}

/** Days in UTC as `YYYY-MM-DD`, both inclusive. Unset: no bound. */
export interface DayRange {
  readonly from?: string;
  readonly to?: string;
}

/** Stores usage. Sums are exact. */
export interface UsageStore {
  /** Adds usage outside of turns. `RequestStore` adds that of turns. */
  add(entries: readonly UsageEntry[]): Promise<void>;

  /** Returns what a user spent on the UTC day of `at`, estimates included. */
  spent(options: { readonly userKey: string; readonly at: number }): Promise<Spending>;

  /** Returns sums by group: days in order, other groups by cost, the most expensive first. */
  sums(options: { readonly by: UsageGroup } & DayRange): Promise<readonly UsageRow[]>;

  /** Returns the sum of everything, with the key `total`. */
  total(range?: DayRange): Promise<UsageRow>;
}

/** Returns the UTC day of a time. */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
