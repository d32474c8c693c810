/** Requests that have become a part of another one, within a transaction. Used by `sqlite_requests`. */

import type { AbsorbedRequest } from "../../domain/request.ts";
import type { SqliteConnection } from "./connection.ts";
import { toAbsorbedRequest } from "./rows.ts";

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
