/** Requests on SQLite. See request_store.ts for what each method promises. */

import type { UserMessage } from "../../domain/message.ts";
import {
  absorbedBy,
  absorbOne,
  addResult,
  addRound,
  claimOne,
  dropAbsorbed,
  dropRounds,
  roundsOf,
} from "./request_journal.ts";
import type { HistoryCache } from "./history_cache.ts";
import type { SqliteConnection } from "./connection.ts";
import { addExchange } from "./memories/exchanges.ts";
import { addLine } from "./history.ts";
import * as rows from "./rows.ts";
import { addUsage } from "./usage.ts";
import type { TextIndex } from "./text_index.ts";
import type * as request from "../../domain/request.ts";
import type * as domain from "../request_store.ts";

/** The tables `requests`, `channels`, `tool_rounds` and `tool_results`; `finish` adds to others. */
export class SqliteRequests implements domain.RequestStore {
  readonly #sql: SqliteConnection;
  readonly #cache: HistoryCache;
  readonly #words: TextIndex;

  constructor(
    sql: SqliteConnection,
    { cache, words }: { readonly cache: HistoryCache; readonly words: TextIndex },
  ) {
    this.#sql = sql;
    this.#cache = cache;
    this.#words = words;
  }

  accept(request: domain.NewRequest): Promise<domain.Acceptance> {
    const { nodeId, message, serialized, digest, channelKey } = request;
    return this.#sql.write(() => {
      const known = this.#sql.get(
        "SELECT seq, state, digest FROM requests WHERE node_id = ? AND request_id = ?",
        nodeId,
        message.requestId,
      ) as { seq: number; state: request.RequestState; digest: string } | undefined;
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
      const given = { ...common, claimed: false, userId: user.id, bytes: serialized.bytes };
      if (!request.claim) return { type: "accepted", request: given };
      const begun = {
        claim: claimOne(this.#sql, { seq, channelKey, message }, request.claim),
        nodeId,
        platform: request.platform,
        message,
        attempt: 1,
        acceptedAt: request.now,
        claimedAt: request.claim.now,
        rounds: [],
        absorbed: [],
      };
      return { type: "accepted", request: { ...given, claimed: true, begun } };
    });
  }

  unfinished(): Promise<readonly request.QueuedRequest[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT seq, node_id, request_id, channel_key, priority, user_id,
           json_extract(message, '$.overlap') AS overlap,
           json_extract(message, '$.channel.threadId') AS thread_id, fence IS NOT NULL AS claimed,
           octet_length(message) + (SELECT coalesce(sum(octet_length(absorbed.message)), 0)
             FROM absorbed WHERE request_seq = requests.seq) AS bytes FROM requests
         WHERE state <> 'done' ORDER BY state = 'running' DESC, seq`,
      ).map(rows.toQueuedRequest)
    );
  }

  claim(seq: number, claim: domain.NewClaim): Promise<request.ClaimedRequest | undefined> {
    return this.#sql.write(() => {
      const row = this.#sql.get("SELECT * FROM requests WHERE seq = ?", seq);
      if (!row || row.state === "done") return undefined;
      const message: UserMessage = JSON.parse(row.message as string);
      const channelKey = row.channel_key as string;
      return {
        claim: claimOne(this.#sql, { seq, channelKey, message }, claim),
        nodeId: row.node_id as string,
        platform: row.platform as string,
        message,
        attempt: (row.attempts as number) + 1,
        acceptedAt: row.accepted_at as number,
        claimedAt: claim.now,
        // One that was never claimed has none.
        rounds: row.fence === null ? [] : roundsOf(this.#sql, seq),
        absorbed: row.fence === null ? [] : absorbedBy(this.#sql, seq),
      };
    });
  }

  release(claim: request.Claim): Promise<void> {
    return this.#sql.write(() => {
      if (!this.#holds(claim)) return;
      this.#sql.run(
        "UPDATE requests SET state = 'queued', attempts = attempts - 1 WHERE seq = ?",
        claim.seq,
      );
    });
  }

  absorb(
    claim: request.Claim,
    others: Parameters<domain.RequestStore["absorb"]>[1],
  ): Promise<readonly request.AbsorbedRequest[] | undefined> {
    return this.#sql.write(() => {
      if (!this.#holds(claim)) return undefined;
      const absorbed = others.seqs.filter((seq) =>
        absorbOne(this.#sql, claim.seq, seq, others.round)
      );
      const { request_id } = this.#sql.get(
        "SELECT request_id FROM requests WHERE seq = ?",
        claim.seq,
      ) as { request_id: string };
      const outcome = { type: "cancelled", mergedInto: request_id } as const;
      for (const seq of absorbed) this.#end(seq, outcome, others.now);
      return absorbedBy(this.#sql, claim.seq).filter(({ seq }) => absorbed.includes(seq));
    });
  }

  recordRound(
    claim: request.Claim,
    round: Parameters<domain.RequestStore["recordRound"]>[1],
  ): Promise<boolean> {
    return this.#sql.write(() => {
      if (!this.#holds(claim)) return false;
      addRound(this.#sql, claim.seq, round);
      for (const entry of round.usage ?? []) addUsage(this.#sql, entry);
      return true;
    });
  }

  recordResult(
    claim: request.Claim,
    result: Parameters<domain.RequestStore["recordResult"]>[1],
  ): Promise<boolean> {
    return this.#sql.write(() => {
      if (!this.#holds(claim)) return false;
      addResult(this.#sql, claim.seq, result);
      return true;
    });
  }

  async finish(
    claim: request.Claim,
    end: Parameters<domain.RequestStore["finish"]>[1],
  ): Promise<boolean> {
    const { outcome, now, sessionId, conversation, history } = end;
    const finished = await this.#sql.write(() => {
      if (!this.#holds(claim)) return undefined;
      this.#end(claim.seq, outcome, now);
      for (const entry of end.usage ?? []) addUsage(this.#sql, entry);
      if (end.exchange) addExchange(this.#sql, { seq: claim.seq, exchange: end.exchange });
      if (sessionId === undefined) return [];
      const session = this.#sql.get(
        "UPDATE sessions SET active_at = max(active_at, ?) WHERE id = ? RETURNING ended_at",
        now,
        sessionId,
      );
      const lines = history.map((entry) =>
        addLine(this.#sql, entry, { sessionId, conversation, seq: claim.seq })
      );
      // What was said in a session that has ended meanwhile is not shown any more.
      return session?.ended_at === null ? lines : [];
    });
    if (!finished) return false;
    if (conversation) this.#cache.append(conversation, finished);
    this.#words.added(history.length);
    return true;
  }

  cancelQueued(
    { seq, owner, now }: { readonly seq: number; readonly owner: string; readonly now: number },
  ): Promise<domain.CancelledRequest | undefined> {
    return this.#sql.write(() => {
      const row = this.#sql.get(
        `SELECT platform, message FROM requests LEFT JOIN channels ON channels.key = channel_key
         WHERE seq = ? AND (state = 'queued' OR
           state = 'running' AND (channels.fence IS NOT requests.fence OR channels.owner IS NOT ?))`,
        seq,
        owner,
      );
      if (!row) return undefined;
      this.#end(seq, { type: "cancelled" }, now);
      return { platform: row.platform as string, message: JSON.parse(row.message as string) };
    });
  }

  undelivered(
    nodeId: string,
    { after = 0, limit = 100 }: { readonly after?: number; readonly limit?: number } = {},
  ): Promise<readonly domain.UndeliveredReply[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT seq, node_id, request_id, dialect, outcome FROM requests
         WHERE node_id = ? AND state = 'done' AND delivered_at IS NULL AND seq > ?
         ORDER BY seq LIMIT ?`,
        nodeId,
        after,
        limit,
      ).map(rows.toUndeliveredReply)
    );
  }

  reply(seq: number): Promise<domain.UndeliveredReply | undefined> {
    return this.#sql.read(() => {
      const row = this.#sql.get(
        `SELECT seq, node_id, request_id, dialect, outcome FROM requests
         WHERE seq = ? AND state = 'done'`,
        seq,
      );
      return row && rows.toUndeliveredReply(row);
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

  /** Whether the claim is the channel's newest and its request still runs under it. */
  #holds({ seq, channelKey, fence }: request.Claim): boolean {
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

  #end(seq: number, outcome: request.Outcome, now: number): void {
    // The message has served; a reply is all that a resent frame needs.
    this.#sql.run(
      `UPDATE requests SET state = 'done', outcome = ?, finished_at = ?, message = NULL
       WHERE seq = ?`,
      JSON.stringify(outcome),
      now,
      seq,
    );
    dropRounds(this.#sql, seq);
    dropAbsorbed(this.#sql, seq);
  }
}
