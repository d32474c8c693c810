/** What a request has been through, within the transactions of its table: claims, absorbed requests, tool rounds. */

import type { UserMessage } from "../../domain/message.ts";
import type { AbsorbedRequest, Claim } from "../../domain/request.ts";
import type { MessageOrigin, ToolCall, ToolResult, ToolRound } from "../../domain/tool_call.ts";
import type { NewClaim } from "../request_store.ts";
import type { SqliteConnection } from "./connection.ts";
import { toAbsorbedRequest, toToolRound } from "./rows.ts";

/** Claims a request: the channel's fence rises, the request runs, its user's session is in use. */
export function claimOne(
  sql: SqliteConnection,
  { seq, channelKey, message }: {
    readonly seq: number;
    readonly channelKey: string;
    readonly message: UserMessage;
  },
  { owner, now, idleBefore }: NewClaim,
): Claim {
  const { fence } = sql.get(
    `INSERT INTO channels (key, owner, fence) VALUES (?, ?, 1)
     ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, fence = fence + 1
     RETURNING fence`,
    channelKey,
    owner,
  ) as { fence: number };
  sql.run(
    "UPDATE requests SET state = 'running', attempts = attempts + 1, fence = ? WHERE seq = ?",
    fence,
    seq,
  );
  // Here, so that the turn finds it in use without another commit.
  sql.run(
    `UPDATE sessions SET active_at = max(active_at, ?)
     WHERE channel_key = ? AND thread_id = ? AND user_id = ? AND ended_at IS NULL
       AND active_at >= ?`,
    now,
    channelKey,
    message.channel.threadId ?? "",
    message.user.id,
    idleBefore,
  );
  return { seq, channelKey, fence };
}

/**
 * Keeps the message of a waiting request with another one; false where it does not wait, or was claimed
 * before: the other one would not know of the tools that have run for it.
 */
export function absorbOne(
  sql: SqliteConnection,
  into: number,
  seq: number,
  round: number,
): boolean {
  const { changes } = sql.run(
    `INSERT INTO absorbed (request_seq, round, seq, node_id, platform, message, accepted_at)
     SELECT ?, ?, seq, node_id, platform, message, accepted_at FROM requests
     WHERE seq = ? AND state = 'queued' AND fence IS NULL`,
    into,
    round,
    seq,
  );
  return changes === 1;
}

/** What a request has absorbed, in order of acceptance. */
export function absorbedBy(sql: SqliteConnection, seq: number): readonly AbsorbedRequest[] {
  return sql.all("SELECT * FROM absorbed WHERE request_seq = ? ORDER BY seq", seq)
    .map(toAbsorbedRequest);
}

/** Forgets it: the request has its outcome. */
export function dropAbsorbed(sql: SqliteConnection, seq: number): void {
  sql.run("DELETE FROM absorbed WHERE request_seq = ?", seq);
}

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
