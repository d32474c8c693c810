/** Adapter sessions and their frames in SQLite. */

import type { FrameStore, SessionChanges, StoredAdapterSession } from "../frame_store.ts";
import type { Row, SqliteConnection } from "./connection.ts";

/** Separates the frames in a row. Single-line JSON cannot contain it. */
const separator = "\n";

/** The tables `adapter_sessions` and `adapter_frames`. */
export class SqliteFrames implements FrameStore {
  readonly #sql: SqliteConnection;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  save({ sessions, ended }: SessionChanges): Promise<void> {
    return this.#sql.write(() => {
      for (const id of ended) {
        this.#sql.run("DELETE FROM adapter_sessions WHERE session_id = ?", id);
      }
      for (const session of sessions) this.#save(session);
    });
  }

  sessions(): Promise<readonly StoredAdapterSession[]> {
    return this.#sql.read(() =>
      this.#sql.all("SELECT * FROM adapter_sessions ORDER BY session_id")
        .map((row) => this.#load(row)).filter((session) => session !== undefined)
    );
  }

  #save({ sessionId, nodeId, lastSeq, before, frames, ...adapter }: StoredAdapterSession): void {
    this.#sql.run(
      "DELETE FROM adapter_sessions WHERE node_id = ? AND session_id <> ?",
      nodeId,
      sessionId,
    );
    const kept = this.#sql.get(
      `INSERT INTO adapter_sessions (session_id, node_id, platform, capabilities, last_seq, before_seq)
       VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (session_id) DO UPDATE SET last_seq = excluded.last_seq,
         before_seq = max(before_seq, excluded.before_seq)
       RETURNING before_seq`,
      sessionId,
      nodeId,
      adapter.platform,
      JSON.stringify(adapter.capabilities),
      lastSeq,
      before,
    )!;
    if (frames.length > 0) {
      this.#sql.run(
        `INSERT INTO adapter_frames (session_id, last_seq, frames) VALUES (?, ?, ?)
         ON CONFLICT (session_id, last_seq) DO UPDATE SET frames = excluded.frames`,
        sessionId,
        lastSeq,
        frames.join(separator),
      );
    }
    // A row is deleted only when its last frame is no longer needed.
    this.#sql.run(
      "DELETE FROM adapter_frames WHERE session_id = ? AND last_seq <= ?",
      sessionId,
      kept.before_seq as number,
    );
  }

  /** Returns a session with its frames, or `undefined` if one is missing. */
  #load(row: Row): StoredAdapterSession | undefined {
    const sessionId = row.session_id as string;
    const [lastSeq, before] = [row.last_seq as number, row.before_seq as number];
    const found = new Map<number, string>();
    const rows = this.#sql.all(
      "SELECT last_seq, frames FROM adapter_frames WHERE session_id = ? ORDER BY last_seq",
      sessionId,
    );
    for (const { last_seq, frames } of rows) {
      const texts = (frames as string).split(separator);
      const first = last_seq as number - texts.length + 1;
      texts.forEach((text, index) => found.set(first + index, text));
    }
    const frames: string[] = [];
    for (let seq = before + 1; seq <= lastSeq; seq++) {
      const text = found.get(seq);
      if (text === undefined) return undefined;
      frames.push(text);
    }
    return {
      sessionId,
      nodeId: row.node_id as string,
      platform: row.platform as string,
      capabilities: JSON.parse(row.capabilities as string),
      lastSeq,
      before,
      frames,
    };
  }
}
