/**
 * Writes adapters' sessions to the store in the background: changes are batched, and sending never
 * waits for a write. Each write stores a consistent state of a session, so the next write repairs a
 * failed one.
 */

import { errorText } from "../lib/error_text.ts";
import { logger } from "../logging/log.ts";
import type { FrameStore } from "../store/frame_store.ts";
import { AdapterSession } from "./adapter_session.ts";

const log = logger("server");

/** Options of a {@linkcode SessionPersister}. */
export interface SessionPersisterOptions {
  readonly store: FrameStore;
  /** How long changes are batched, milliseconds. Default: 100. */
  readonly batchMs?: number;
  /** Delay before a failed write is retried, milliseconds. Default: 2000. */
  readonly retryMs?: number;
}

export class SessionPersister {
  readonly #store: FrameStore;
  readonly #batchMs: number;
  readonly #retryMs: number;
  readonly #changed = new Set<AdapterSession>();
  /** The number of the last frame in the store, for each session the store may contain. */
  readonly #saved = new Map<AdapterSession, number>();
  /** Ids of ended sessions that the store may contain. */
  #ended = new Set<string>();
  #timer?: ReturnType<typeof setTimeout>;
  #writing: Promise<void> = Promise.resolve();
  #failing = false;
  #stopped = false;

  constructor({ store, batchMs = 100, retryMs = 2_000 }: SessionPersisterOptions) {
    this.#store = store;
    this.#batchMs = batchMs;
    this.#retryMs = retryMs;
  }

  /** Loads the sessions of the previous process. */
  async load(): Promise<readonly AdapterSession[]> {
    const stored = await this.#store.sessions();
    return stored.map((data) => {
      const session = AdapterSession.restore(data, { onChange: this.changed });
      this.#saved.set(session, data.lastSeq);
      return session;
    });
  }

  /** Schedules a write because a session has changed or ended. */
  readonly changed = (session: AdapterSession): void => {
    if (!session.resumable) return this.#end(session);
    this.#changed.add(session);
    this.#schedule();
  };

  #end(session: AdapterSession): void {
    this.#changed.delete(session);
    if (!this.#saved.delete(session)) return;
    this.#ended.add(session.sessionId);
    this.#schedule();
  }

  /** Writes all changes now. @throws {StoreError} if the write fails; it will be retried. */
  write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // One write at a time: each starts from the state the previous one left.
    const written = this.#writing.then(() => this.#write());
    this.#writing = written.catch(() => {});
    return written;
  }

  /** Writes all changes and schedules no further writes. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.write().catch(() => {});
  }

  #schedule(): void {
    if (this.#stopped) return;
    const delayMs = this.#failing ? this.#retryMs : this.#batchMs;
    this.#timer ??= setTimeout(() => this.write().catch(() => {}), delayMs);
  }

  async #write(): Promise<void> {
    const changed = [...this.#changed];
    const ended = [...this.#ended];
    if (changed.length + ended.length === 0) return;
    const sessions = changed.map((session) =>
      session.snapshotAfter(this.#saved.get(session) ?? 0)!
    );
    this.#changed.clear();
    this.#ended.clear();
    // From here on the store may contain them.
    for (const session of changed) this.#saved.set(session, this.#saved.get(session) ?? 0);
    try {
      await this.#store.save({ sessions, ended });
    } catch (error) {
      for (const session of changed) if (session.resumable) this.#changed.add(session);
      for (const id of ended) this.#ended.add(id);
      this.#failed(error);
      this.#schedule();
      throw error;
    }
    changed.forEach((session, index) => {
      if (this.#saved.has(session)) this.#saved.set(session, sessions[index]!.lastSeq);
    });
    if (this.#failing) log.info("Adapter sessions are saved again");
    this.#failing = false;
  }

  #failed(error: unknown): void {
    if (!this.#failing) {
      log.warn("Cannot save adapter sessions, a restart would break them; retrying: {error}", {
        error: errorText(error),
      });
    }
    this.#failing = true;
  }
}
