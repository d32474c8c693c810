/**
 * Brings adapters' sessions to the disk behind what is sent: what was sent and acknowledged is
 * gathered and written together, and nobody waits for it. What is on the disk is always one moment of
 * a session, all of it: a write that fails is made up for by the next one.
 */

import { errorText } from "../lib/error_text.ts";
import { logger } from "../logging/log.ts";
import type { FrameStore } from "../store/frame_store.ts";
import { AdapterConnection } from "./adapter_connection.ts";

const log = logger("server");

/** What a {@linkcode SessionPersister} is given. */
export interface SessionPersisterOptions {
  readonly store: FrameStore;
  /** How long changes are gathered, milliseconds. Default: 100. */
  readonly gatherMs?: number;
  /** How long it waits after a write that has failed, milliseconds. Default: 2000. */
  readonly retryMs?: number;
}

export class SessionPersister {
  readonly #store: FrameStore;
  readonly #gatherMs: number;
  readonly #retryMs: number;
  readonly #changed = new Set<AdapterConnection>();
  /** The number of the last frame that the store has, of each session that it may know of. */
  readonly #saved = new Map<AdapterConnection, number>();
  /** Ids of sessions that the store may know of and that are over. */
  #ended = new Set<string>();
  #timer?: ReturnType<typeof setTimeout>;
  #writing: Promise<void> = Promise.resolve();
  #failing = false;
  #stopped = false;

  constructor({ store, gatherMs = 100, retryMs = 2_000 }: SessionPersisterOptions) {
    this.#store = store;
    this.#gatherMs = gatherMs;
    this.#retryMs = retryMs;
  }

  /** The sessions that the last process has left. */
  async load(): Promise<readonly AdapterConnection[]> {
    const sessions = await this.#store.sessions();
    return sessions.map((session) => {
      const link = AdapterConnection.stored(session, { onChange: this.changed });
      this.#saved.set(link, session.lastSeq);
      return link;
    });
  }

  /** There is something new to be kept of a session, or nothing any more. */
  readonly changed = (link: AdapterConnection): void => {
    if (!link.resumable) return this.#end(link);
    this.#changed.add(link);
    this.#schedule();
  };

  #end(link: AdapterConnection): void {
    this.#changed.delete(link);
    if (!this.#saved.delete(link)) return;
    this.#ended.add(link.sessionId);
    this.#schedule();
  }

  /** Writes what there is to write. @throws {StoreError} where it cannot; nothing is lost then. */
  write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // One after the other: each begins where the one before has ended.
    const written = this.#writing.then(() => this.#write());
    this.#writing = written.catch(() => {});
    return written;
  }

  /** Writes all that is left, and nothing more after it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.write().catch(() => {});
  }

  #schedule(): void {
    if (this.#stopped) return;
    const afterMs = this.#failing ? this.#retryMs : this.#gatherMs;
    this.#timer ??= setTimeout(() => this.write().catch(() => {}), afterMs);
  }

  async #write(): Promise<void> {
    const links = [...this.#changed];
    const ended = [...this.#ended];
    if (links.length + ended.length === 0) return;
    const sessions = links.map((link) => link.keptAfter(this.#saved.get(link) ?? 0)!);
    this.#changed.clear();
    this.#ended.clear();
    // From now on the store may know of them.
    for (const link of links) this.#saved.set(link, this.#saved.get(link) ?? 0);
    try {
      await this.#store.save({ sessions, ended });
    } catch (error) {
      for (const link of links) if (link.resumable) this.#changed.add(link);
      for (const id of ended) this.#ended.add(id);
      this.#failed(error);
      this.#schedule();
      throw error;
    }
    links.forEach((link, index) => {
      if (this.#saved.has(link)) this.#saved.set(link, sessions[index]!.lastSeq);
    });
    if (this.#failing) log.info("Adapters' sessions are kept over a restart again");
    this.#failing = false;
  }

  #failed(error: unknown): void {
    if (!this.#failing) {
      log.warn(
        "Cannot keep adapters' sessions for a restart; they go on without, until it can: {error}",
        { error: errorText(error) },
      );
    }
    this.#failing = true;
  }
}
