/** Requests in SQLite. */

import type { Dialect, Overlap, Priority, UserMessage } from "../../domain/message.ts";
import type {
  AbsorbedRequest,
  Claim,
  ClaimedRequest,
  Outcome,
  QueuedRequest,
  RequestState,
} from "../../domain/request.ts";
import type {
  Acceptance,
  CancelledRequest,
  NewClaim,
  NewRequest,
  RequestStore,
  UndeliveredReply,
} from "../request_store.ts";
import type { Row, SqliteConnection } from "./connection.ts";
import { insertLine } from "./history.ts";
import type { HistoryCache } from "./history_cache.ts";
import { insertExchange } from "./memories/exchanges.ts";
import { RequestJournal } from "./request_journal.ts";
import type { TextIndex } from "./text_index.ts";
import { addUsage } from "./usage.ts";

/** The tables `requests` and `channels`. `finish` also writes history, usage and exchanges. */
export class SqliteRequests implements RequestStore {
  readonly #sql: SqliteConnection;
  readonly #cache: HistoryCache;
  readonly #index: TextIndex;
  readonly #journal: RequestJournal;

  constructor(
    sql: SqliteConnection,
    { cache, index }: { readonly cache: HistoryCache; readonly index: TextIndex },
  ) {
    this.#sql = sql;
    this.#cache = cache;
    this.#index = index;
    this.#journal = new RequestJournal(sql);
  }

  accept(request: NewRequest): Promise<Acceptance> {
    const { nodeId, message, serialized, digest, channelKey } = request;
    return this.#sql.write(() => {
      const known = this.#sql.get(
        "SELECT seq, state, digest FROM requests WHERE node_id = ? AND request_id = ?",
        nodeId,
        message.requestId,
      ) as { seq: number; state: RequestState; digest: string } | undefined;
      if (known && known.digest !== digest) return { type: "conflict" };
      if (known) return { type: "duplicate", seq: known.seq, state: known.state };
      if (!request.hasCapacity) return { type: "full" };
      const seq = this.#sql.run(
        `INSERT INTO requests (node_id, request_id, digest, dialect, platform, channel_key,
           priority, state, message, accepted_at, user_id)
         VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?)`,
        nodeId,
        message.requestId,
        digest,
        message.dialect,
        request.platform,
        channelKey,
        message.priority,
        serialized.text,
        request.now,
        message.user.id,
      ).lastInsertRowid as number;
      const { requestId, priority, overlap = "queue", user, channel } = message;
      const { threadId = "" } = channel;
      const common = { seq, nodeId, requestId, channelKey, priority, overlap, threadId };
      const queued = { ...common, claimed: false, userId: user.id, bytes: serialized.bytes };
      if (!request.claim) return { type: "accepted", request: queued };
      const begun = {
        claim: this.#claim({ seq, channelKey, message }, request.claim),
        nodeId,
        platform: request.platform,
        message,
        attempt: 1,
        acceptedAt: request.now,
        claimedAt: request.claim.now,
        rounds: [],
        absorbed: [],
      };
      return { type: "accepted", request: { ...queued, claimed: true, begun } };
    });
  }

  unfinished(): Promise<readonly QueuedRequest[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT seq, node_id, request_id, channel_key, priority, user_id,
           json_extract(message, '$.overlap') AS overlap,
           json_extract(message, '$.channel.threadId') AS thread_id, fence IS NOT NULL AS claimed,
           octet_length(message) + (SELECT coalesce(sum(octet_length(absorbed.message)), 0)
             FROM absorbed WHERE request_seq = requests.seq) AS bytes FROM requests
         WHERE state <> 'done' ORDER BY state = 'running' DESC, seq`,
      ).map(toQueuedRequest)
    );
  }

  claim(seq: number, claim: NewClaim): Promise<ClaimedRequest | undefined> {
    return this.#sql.write(() => {
      const row = this.#sql.get("SELECT * FROM requests WHERE seq = ?", seq);
      if (!row || row.state === "done") return undefined;
      const message: UserMessage = JSON.parse(row.message as string);
      const channelKey = row.channel_key as string;
      return {
        claim: this.#claim({ seq, channelKey, message }, claim),
        nodeId: row.node_id as string,
        platform: row.platform as string,
        message,
        attempt: (row.attempts as number) + 1,
        acceptedAt: row.accepted_at as number,
        claimedAt: claim.now,
        // A request claimed for the first time has no journal.
        rounds: row.fence === null ? [] : this.#journal.rounds(seq),
        absorbed: row.fence === null ? [] : this.#journal.absorbed(seq),
      };
    });
  }

  release(claim: Claim): Promise<void> {
    return this.#sql.write(() => {
      if (!this.#isValid(claim)) return;
      this.#sql.run(
        "UPDATE requests SET state = 'queued', attempts = attempts - 1 WHERE seq = ?",
        claim.seq,
      );
    });
  }

  absorb(
    claim: Claim,
    others: Parameters<RequestStore["absorb"]>[1],
  ): Promise<readonly AbsorbedRequest[] | undefined> {
    return this.#sql.write(() => {
      if (!this.#isValid(claim)) return undefined;
      const absorbed = others.seqs.filter((seq) =>
        this.#journal.absorb(seq, { into: claim.seq, round: others.round })
      );
      const { request_id } = this.#sql.get(
        "SELECT request_id FROM requests WHERE seq = ?",
        claim.seq,
      ) as { request_id: string };
      const outcome = { type: "cancelled", mergedInto: request_id } as const;
      for (const seq of absorbed) this.#finish(seq, outcome, others.now);
      return this.#journal.absorbed(claim.seq).filter(({ seq }) => absorbed.includes(seq));
    });
  }

  recordRound(
    claim: Claim,
    round: Parameters<RequestStore["recordRound"]>[1],
  ): Promise<boolean> {
    return this.#sql.write(() => {
      if (!this.#isValid(claim)) return false;
      this.#journal.addRound(claim.seq, round);
      for (const entry of round.usage ?? []) addUsage(this.#sql, entry);
      return true;
    });
  }

  recordResult(
    claim: Claim,
    result: Parameters<RequestStore["recordResult"]>[1],
  ): Promise<boolean> {
    return this.#sql.write(() => {
      if (!this.#isValid(claim)) return false;
      this.#journal.addResult(claim.seq, result);
      return true;
    });
  }

  async finish(
    claim: Claim,
    end: Parameters<RequestStore["finish"]>[1],
  ): Promise<boolean> {
    const { outcome, now, sessionId, conversation, history } = end;
    const finished = await this.#sql.write(() => {
      if (!this.#isValid(claim)) return undefined;
      this.#finish(claim.seq, outcome, now);
      for (const entry of end.usage ?? []) addUsage(this.#sql, entry);
      if (end.exchange) insertExchange(this.#sql, { seq: claim.seq, exchange: end.exchange });
      if (sessionId === undefined) return [];
      const session = this.#sql.get(
        "UPDATE sessions SET active_at = max(active_at, ?) WHERE id = ? RETURNING ended_at",
        now,
        sessionId,
      );
      const lines = history.map((entry) =>
        insertLine(this.#sql, entry, { sessionId, conversation, seq: claim.seq })
      );
      // Lines of a session that has ended in the meantime are not recent.
      return session?.ended_at === null ? lines : [];
    });
    if (!finished) return false;
    if (conversation) this.#cache.append(conversation, finished);
    this.#index.linesAdded(history.length);
    return true;
  }

  cancelQueued(
    { seq, owner, now }: { readonly seq: number; readonly owner: string; readonly now: number },
  ): Promise<CancelledRequest | undefined> {
    return this.#sql.write(() => {
      const row = this.#sql.get(
        `SELECT platform, message FROM requests LEFT JOIN channels ON channels.key = channel_key
         WHERE seq = ? AND (state = 'queued' OR
           state = 'running' AND (channels.fence IS NOT requests.fence OR channels.owner IS NOT ?))`,
        seq,
        owner,
      );
      if (!row) return undefined;
      this.#finish(seq, { type: "cancelled" }, now);
      return { platform: row.platform as string, message: JSON.parse(row.message as string) };
    });
  }

  undelivered(
    nodeId: string,
    { after = 0, limit = 100 }: { readonly after?: number; readonly limit?: number } = {},
  ): Promise<readonly UndeliveredReply[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT seq, node_id, request_id, dialect, outcome FROM requests
         WHERE node_id = ? AND state = 'done' AND delivered_at IS NULL AND seq > ?
         ORDER BY seq LIMIT ?`,
        nodeId,
        after,
        limit,
      ).map(toUndeliveredReply)
    );
  }

  reply(seq: number): Promise<UndeliveredReply | undefined> {
    return this.#sql.read(() => {
      const row = this.#sql.get(
        `SELECT seq, node_id, request_id, dialect, outcome FROM requests
         WHERE seq = ? AND state = 'done'`,
        seq,
      );
      return row && toUndeliveredReply(row);
    });
  }

  markDelivered({ seq, now }: { readonly seq: number; readonly now: number }): Promise<void> {
    return this.#sql.write(() => {
      this.#sql.run(
        "UPDATE requests SET delivered_at = ? WHERE seq = ? AND delivered_at IS NULL",
        now,
        seq,
      );
    });
  }

  purge(
    { before, limit }: { readonly before: number; readonly limit: number },
  ): Promise<number> {
    return this.#sql.write(() =>
      this.#sql.run(
        `DELETE FROM requests WHERE seq IN (
           SELECT seq FROM requests WHERE state = 'done' AND finished_at < ? LIMIT ?)`,
        before,
        limit,
      ).changes as number
    );
  }

  /** Claims a request, inside a transaction. */
  #claim(
    { seq, channelKey, message }: {
      readonly seq: number;
      readonly channelKey: string;
      readonly message: UserMessage;
    },
    { owner, now, idleBefore }: NewClaim,
  ): Claim {
    const { fence } = this.#sql.get(
      `INSERT INTO channels (key, owner, fence) VALUES (?, ?, 1)
       ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, fence = fence + 1
       RETURNING fence`,
      channelKey,
      owner,
    ) as { fence: number };
    this.#sql.run(
      "UPDATE requests SET state = 'running', attempts = attempts + 1, fence = ? WHERE seq = ?",
      fence,
      seq,
    );
    // Touch the session here to save the turn a commit when it opens it.
    this.#sql.run(
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

  /** Whether the claim is the newest in its channel and its request is running under it. */
  #isValid({ seq, channelKey, fence }: Claim): boolean {
    const row = this.#sql.get(
      `SELECT 1 FROM requests JOIN channels ON channels.key = ?
       WHERE requests.seq = ? AND requests.state = 'running'
         AND requests.fence = ? AND channels.fence = ?`,
      channelKey,
      seq,
      fence,
      fence,
    );
    return row !== undefined;
  }

  #finish(seq: number, outcome: Outcome, now: number): void {
    // A resent message needs only the outcome.
    this.#sql.run(
      `UPDATE requests SET state = 'done', outcome = ?, finished_at = ?, message = NULL
       WHERE seq = ?`,
      JSON.stringify(outcome),
      now,
      seq,
    );
    this.#journal.delete(seq);
  }
}

function toQueuedRequest(row: Row): QueuedRequest {
  return {
    seq: row.seq as number,
    nodeId: row.node_id as string,
    requestId: row.request_id as string,
    channelKey: row.channel_key as string,
    priority: row.priority as Priority,
    overlap: (row.overlap ?? "queue") as Overlap,
    userId: row.user_id as string,
    threadId: (row.thread_id ?? "") as string,
    claimed: row.claimed === 1,
    bytes: row.bytes as number,
  };
}

function toUndeliveredReply(row: Row): UndeliveredReply {
  return {
    seq: row.seq as number,
    nodeId: row.node_id as string,
    requestId: row.request_id as string,
    dialect: row.dialect as Dialect,
    outcome: JSON.parse(row.outcome as string),
  };
}
