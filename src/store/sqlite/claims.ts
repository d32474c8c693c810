/** The claim of a request, within a transaction of the SQLite store's requests. */

import type { UserMessage } from "../../domain/message.ts";
import type { Claim } from "../../domain/request.ts";
import type { NewClaim } from "../request_store.ts";
import type { SqliteConnection } from "./connection.ts";

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
