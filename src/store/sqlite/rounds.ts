/** The rounds of tool calls of requests, within transactions of the SQLite store's requests. */

import type { MessageOrigin, ToolCall, ToolResult, ToolRound } from "../../domain/tool_call.ts";
import type { SqliteConnection } from "./connection.ts";
import { toToolRound } from "./rows.ts";

/** The rounds that an earlier attempt has noted, with the results so far. */
export function roundsOf(sql: SqliteConnection, seq: number): readonly ToolRound[] {
  const results = sql.all(
    "SELECT round, position, result FROM tool_results WHERE request_seq = ?",
    seq,
  );
  return sql.all("SELECT * FROM tool_rounds WHERE request_seq = ? ORDER BY round", seq)
    .map((row) => toToolRound(row, results));
}

export function addRound(
  sql: SqliteConnection,
  seq: number,
  { index, text, calls, origin }: {
    readonly index: number;
    readonly text: string;
    readonly calls: readonly ToolCall[];
    readonly origin?: MessageOrigin;
  },
): void {
  sql.run(
    "INSERT INTO tool_rounds (request_seq, round, text, calls, origin) VALUES (?, ?, ?, ?, ?)",
    seq,
    index,
    text,
    JSON.stringify(calls),
    origin ? JSON.stringify(origin) : null,
  );
}

/** The first result of a call counts. */
export function addResult(
  sql: SqliteConnection,
  seq: number,
  { round, position, result }: {
    readonly round: number;
    readonly position: number;
    readonly result: ToolResult;
  },
): void {
  sql.run(
    `INSERT INTO tool_results (request_seq, round, position, result) VALUES (?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
    seq,
    round,
    position,
    JSON.stringify(result),
  );
}

export function dropRounds(sql: SqliteConnection, seq: number): void {
  sql.run("DELETE FROM tool_results WHERE request_seq = ?", seq);
  sql.run("DELETE FROM tool_rounds WHERE request_seq = ?", seq);
}
