/** Usage in SQLite. */

import {
  dayOf,
  type DayRange,
  type Spending,
  type UsageEntry,
  type UsageGroup,
  type UsageRow,
  type UsageStore,
  type UsageSums,
} from "../usage_store.ts";
import type { Row, SqliteConnection } from "./connection.ts";

const columns: Readonly<Record<UsageGroup, string>> = {
  user: "user_key",
  channel: "channel_key",
  model: "model",
  day: "day",
  purpose: "purpose",
};

const figures = ["requests", "input_tokens", "cached_tokens", "output_tokens", "cost_nanos"];
const selected = figures.flatMap((name) => [
  `coalesce(sum(${name}), 0) AS ${name}`,
  `coalesce(sum(${name}) FILTER (WHERE estimated = 1), 0) AS estimated_${name}`,
]).join(", ");

/** The table `usage`: one row per user, channel, model, day and purpose, separately for estimates. */
export class SqliteUsage implements UsageStore {
  readonly #sql: SqliteConnection;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  add(entries: readonly UsageEntry[]): Promise<void> {
    if (entries.length === 0) return Promise.resolve();
    return this.#sql.write(() => entries.forEach((entry) => addUsage(this.#sql, entry)));
  }

  spent(
    { userKey, at }: { readonly userKey: string; readonly at: number },
  ): Promise<Spending> {
    return this.#sql.read(() => {
      const row = this.#sql.get(
        `SELECT coalesce(sum(input_tokens + output_tokens), 0) AS tokens,
           coalesce(sum(cost_nanos), 0) AS cost FROM usage WHERE user_key = ? AND day = ?`,
        userKey,
        dayOf(at),
      )!;
      return { tokens: row.tokens as number, costNanos: row.cost as number };
    });
  }

  sums(
    { by, ...range }: { readonly by: UsageGroup } & DayRange,
  ): Promise<readonly UsageRow[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT ${columns[by]} AS key, ${selected} FROM usage WHERE day BETWEEN ? AND ?
         GROUP BY key ORDER BY ${by === "day" ? "key" : "cost_nanos DESC, input_tokens DESC, key"}`,
        ...bounds(range),
      ).map(toUsageRow)
    );
  }

  total(range: DayRange = {}): Promise<UsageRow> {
    return this.#sql.read(() =>
      toUsageRow(
        this.#sql.get(
          `SELECT 'total' AS key, ${selected} FROM usage WHERE day BETWEEN ? AND ?`,
          ...bounds(range),
        )!,
      )
    );
  }
}

/** Adds an entry to its row, inside a transaction. */
export function addUsage(sql: SqliteConnection, entry: UsageEntry): void {
  sql.run(
    `INSERT INTO usage (user_key, day, channel_key, model, purpose, estimated,
       requests, input_tokens, cached_tokens, output_tokens, cost_nanos)
     VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET requests = requests + 1,
       input_tokens = input_tokens + excluded.input_tokens,
       cached_tokens = cached_tokens + excluded.cached_tokens,
       output_tokens = output_tokens + excluded.output_tokens,
       cost_nanos = cost_nanos + excluded.cost_nanos`,
    entry.userKey,
    dayOf(entry.at),
    entry.channelKey,
    entry.model,
    entry.purpose,
    entry.estimated ? 1 : 0,
    entry.inputTokens,
    entry.cachedTokens,
    entry.outputTokens,
    entry.costNanos,
  );
}

function bounds({ from = "", to = "9999-12-31" }: DayRange): [string, string] {
  return [from, to];
}

function toUsageRow(row: Row): UsageRow {
  return { key: row.key as string, ...sumsOf(row, ""), estimated: sumsOf(row, "estimated_") };
}

function sumsOf(row: Row, prefix: string): UsageSums {
  return {
    requests: row[`${prefix}requests`] as number,
    inputTokens: row[`${prefix}input_tokens`] as number,
    cachedTokens: row[`${prefix}cached_tokens`] as number,
    outputTokens: row[`${prefix}output_tokens`] as number,
    costNanos: row[`${prefix}cost_nanos`] as number,
  };
}
