/** The memory's outbox in SQLite. */

import type { Exchange, ExchangeStore, PendingExchange } from "../../exchange_store.ts";
import type { Row, SqliteConnection } from "../connection.ts";

/** The table `memory_outbox`. */
export class SqliteExchanges implements ExchangeStore {
  readonly #sql: SqliteConnection;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  pending(
    { limit, without = [] }: Parameters<ExchangeStore["pending"]>[0],
  ): Promise<readonly PendingExchange[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT * FROM memory_outbox AS one WHERE NOT EXISTS (
           SELECT 1 FROM memory_outbox AS older
           WHERE older.user_key = one.user_key AND older.seq < one.seq
         ) AND user_key NOT IN (SELECT value FROM json_each(?)) ORDER BY attempts, seq LIMIT ?`,
        JSON.stringify(without),
        limit,
      ).map(toPendingExchange)
    );
  }

  recordAttempt(seq: number): Promise<boolean> {
    return this.#sql.write(() =>
      this.#sql.run("UPDATE memory_outbox SET attempts = attempts + 1 WHERE seq = ?", seq)
        .changes > 0
    );
  }

  async remove(seq: number): Promise<void> {
    // `MemoryStore.learn` has usually deleted it already; skip the commit of an empty write.
    const exists = await this.#sql.read(() =>
      this.#sql.get("SELECT 1 FROM memory_outbox WHERE seq = ?", seq)
    );
    if (!exists) return;
    await this.#sql.write(() => this.#sql.run("DELETE FROM memory_outbox WHERE seq = ?", seq));
  }

  async trim({ keep }: { readonly keep: number }): Promise<number> {
    const tooMany = await this.#sql.read(() =>
      this.#sql.get("SELECT 1 FROM memory_outbox LIMIT 1 OFFSET ?", keep)
    );
    if (!tooMany) return 0;
    return await this.#sql.write(() =>
      this.#sql.run(
        `DELETE FROM memory_outbox WHERE seq IN (
           SELECT seq FROM memory_outbox ORDER BY seq DESC LIMIT -1 OFFSET ?
         )`,
        keep,
      ).changes as number
    );
  }

  count(): Promise<number> {
    return this.#sql.read(() =>
      this.#sql.get("SELECT count(*) AS count FROM memory_outbox")!.count as number
    );
  }
}

/** Adds an exchange, inside a transaction. */
export function insertExchange(
  sql: SqliteConnection,
  { seq, exchange }: { readonly seq: number; readonly exchange: Exchange },
): void {
  sql.run(
    "INSERT INTO memory_outbox (seq, user_key, exchange) VALUES (?, ?, ?)",
    seq,
    exchange.userKey,
    JSON.stringify(exchange),
  );
}

function toPendingExchange(row: Row): PendingExchange {
  return {
    ...JSON.parse(row.exchange as string) as Exchange,
    seq: row.seq as number,
    attempts: row.attempts as number,
  };
}
