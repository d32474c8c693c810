/** State that a retry of a request needs: its tool rounds and the requests absorbed into it. */

import type { AbsorbedRequest } from "../../domain/request.ts";
import type { ToolCall, ToolRound } from "../../domain/tool_call.ts";
import type { RequestStore } from "../request_store.ts";
import type { Row, SqliteConnection } from "./connection.ts";

/** The tables `tool_rounds`, `tool_results` and `absorbed`. Its methods run inside transactions. */
export class RequestJournal {
  readonly #sql: SqliteConnection;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  /** Returns the rounds with the results so far. */
  rounds(seq: number): readonly ToolRound[] {
    const results = this.#sql.all(
      "SELECT round, position, result FROM tool_results WHERE request_seq = ?",
      seq,
    );
    return this.#sql.all("SELECT * FROM tool_rounds WHERE request_seq = ? ORDER BY round", seq)
      .map((row) => toToolRound(row, results));
  }

  /** Adds a round. */
  addRound(
    seq: number,
    { index, text, calls, origin }: Parameters<RequestStore["recordRound"]>[1],
  ): void {
    this.#sql.run(
      "INSERT INTO tool_rounds (request_seq, round, text, calls, origin) VALUES (?, ?, ?, ?, ?)",
      seq,
      index,
      text,
      JSON.stringify(calls),
      origin ? JSON.stringify(origin) : null,
    );
  }

  /** Adds the result of a call, unless it has one. */
  addResult(
    seq: number,
    { round, position, result }: Parameters<RequestStore["recordResult"]>[1],
  ): void {
    this.#sql.run(
      `INSERT INTO tool_results (request_seq, round, position, result) VALUES (?, ?, ?, ?)
       ON CONFLICT DO NOTHING`,
      seq,
      round,
      position,
      JSON.stringify(result),
    );
  }

  /**
   * Copies the message of a queued request to `into`. Returns false if it is not queued or was
   * ever claimed, because its tools may have run.
   */
  absorb(
    seq: number,
    { into, round }: { readonly into: number; readonly round: number },
  ): boolean {
    const { changes } = this.#sql.run(
      `INSERT INTO absorbed (request_seq, round, seq, node_id, platform, message, accepted_at)
       SELECT ?, ?, seq, node_id, platform, message, accepted_at FROM requests
       WHERE seq = ? AND state = 'queued' AND fence IS NULL`,
      into,
      round,
      seq,
    );
    return changes === 1;
  }

  /** Returns the absorbed requests by sequence number. */
  absorbed(seq: number): readonly AbsorbedRequest[] {
    return this.#sql.all("SELECT * FROM absorbed WHERE request_seq = ? ORDER BY seq", seq)
      .map(toAbsorbedRequest);
  }

  /** Deletes the journal of a finished request. */
  delete(seq: number): void {
    for (const table of ["tool_results", "tool_rounds", "absorbed"]) {
      this.#sql.run(`DELETE FROM ${table} WHERE request_seq = ?`, seq);
    }
  }
}

/** @param results Results of all rounds of the request. */
function toToolRound(row: Row, results: readonly Row[]): ToolRound {
  const calls = JSON.parse(row.calls as string) as ToolCall[];
  const ofRound = results.filter(({ round }) => round === row.round);
  return {
    text: row.text as string,
    calls,
    ...(row.origin !== null && { origin: JSON.parse(row.origin as string) }),
    results: calls.map((_, index) => {
      const found = ofRound.find(({ position }) => position === index);
      return found && JSON.parse(found.result as string);
    }),
  };
}

function toAbsorbedRequest(row: Row): AbsorbedRequest {
  return {
    seq: row.seq as number,
    nodeId: row.node_id as string,
    platform: row.platform as string,
    message: JSON.parse(row.message as string),
    acceptedAt: row.accepted_at as number,
    round: row.round as number,
  };
}
