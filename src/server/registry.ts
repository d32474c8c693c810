/**
 * All adapters' sessions, by node id. When an adapter connects again it replaces its older connection;
 * if it can resume, it continues its session, which may come from an earlier process.
 */

import type { EventBus } from "../domain/events.ts";
import { logger } from "../logging/log.ts";
import type { ReplyTransport } from "../delivery/port.ts";
import { closeCodes, type Connection } from "./connection.ts";
import { type AdapterIdentity, AdapterSession } from "./adapter_session.ts";
import type { SessionPersister } from "./session_persister.ts";

const log = logger("server");

/** Options of an {@linkcode AdapterRegistry}. */
export interface AdapterRegistryOptions {
  readonly events: EventBus;
  /** How long a session without a connection is kept, milliseconds. */
  readonly resumeMs: number;
  readonly persister: SessionPersister;
  readonly newId?: () => string;
}

/** Where an adapter wants to resume. */
export interface ResumePoint {
  readonly sessionId: string;
  /** The last frame that arrived. */
  readonly lastSeq: number;
}

export class AdapterRegistry implements ReplyTransport {
  readonly #options: AdapterRegistryOptions;
  readonly #newId: () => string;
  /** Sessions by node id, including those that have lost their connection. */
  readonly #sessions = new Map<string, AdapterSession>();
  /**
   * Sessions of the previous process that were not resumed yet, by node id. Nothing is sent in them: the
   * previous process may have sent frames it did not save, and their numbers must not be reused before
   * the adapter has said which ones it has seen.
   */
  readonly #stored = new Map<string, AdapterSession>();
  readonly #expiryTimers = new Map<AdapterSession, ReturnType<typeof setTimeout>>();
  #shuttingDown = false;

  constructor(options: AdapterRegistryOptions) {
    this.#options = options;
    this.#newId = options.newId ?? (() => `session-${crypto.randomUUID()}`);
  }

  /** Loads the sessions of the previous process. They expire like those that lost their connection. */
  async load(): Promise<void> {
    for (const session of await this.#options.persister.load()) {
      this.#stored.set(session.identity.nodeId, session);
      this.#startExpiry(session);
    }
  }

  connection(nodeId: string): AdapterSession | undefined {
    return this.#sessions.get(nodeId);
  }

  /** The sessions of all connected adapters. */
  connected(): readonly AdapterSession[] {
    return [...this.#sessions.values()].filter(({ connection }) => connection !== undefined);
  }

  /** The node ids of a platform's connected adapters. */
  connectedNodes(platform: string): readonly string[] {
    return this.connected().map(({ identity }) => identity)
      .filter((identity) => identity.platform === platform).map(({ nodeId }) => nodeId);
  }

  /** Starts a new session for an adapter. Its older one ends, and that connection closes with 4409. */
  attach(
    identity: AdapterIdentity,
    { connection, welcome }: {
      readonly connection: Connection;
      readonly welcome: (sessionId: string) => object;
    },
  ): AdapterSession {
    const { nodeId } = identity;
    const { persister } = this.#options;
    const sessionId = this.#newId();
    const session = new AdapterSession({
      identity,
      sessionId,
      connection,
      onChange: persister.changed,
    });
    const old = this.#find(nodeId);
    this.#sessions.set(nodeId, session);
    // Before ending the old session: replies that waited for it are sent on the new one at once.
    connection.send(welcome(sessionId));
    if (old) {
      this.#closeReplaced(old);
      this.#end(old);
    }
    if (this.#shuttingDown) session.beginShutdown();
    persister.changed(session);
    this.#announce(session, connection, { resumed: false });
    return session;
  }

  canResume(nodeId: string, point: ResumePoint): boolean {
    return this.#find(nodeId)?.canResume(point) ?? false;
  }

  /** Continues an adapter's session on another connection: sends `welcome`, then the missed frames. */
  resume(
    nodeId: string,
    { lastSeq, connection, welcome }: {
      readonly lastSeq: number;
      readonly connection: Connection;
      readonly welcome: object;
    },
  ): AdapterSession {
    const session = this.#find(nodeId)!;
    this.#closeReplaced(session);
    this.#cancelExpiry(session);
    this.#stored.delete(nodeId);
    this.#sessions.set(nodeId, session);
    connection.send(welcome);
    this.#announce(session, connection, { resumed: true });
    session.resume(connection, lastSeq);
    return session;
  }

  /**
   * Drops the buffered frames of a platform's adapters, because one of its users is being forgotten.
   * Resolves when they are deleted from the disk. @throws {StoreError}
   */
  async forgetFrames(platform: string): Promise<void> {
    for (const session of [...this.#sessions.values(), ...this.#stored.values()]) {
      if (session.identity.platform === platform) session.dropFrames();
    }
    await this.#options.persister.write();
  }

  /** Ends no more sessions of absent adapters, so that they can resume with the next process. */
  beginShutdown(): void {
    this.#shuttingDown = true;
    for (const session of this.#expiryTimers.keys()) this.#cancelExpiry(session);
    for (const session of this.#sessions.values()) session.beginShutdown();
  }

  #find(nodeId: string): AdapterSession | undefined {
    return this.#sessions.get(nodeId) ?? this.#stored.get(nodeId);
  }

  #closeReplaced({ connection, identity }: AdapterSession): void {
    connection?.send({
      type: "error",
      request_id: null,
      code: "replaced",
      message: `Another connection registered as "${identity.nodeId}". Give each adapter its own ` +
        "node_id.",
      recoverable: false,
    });
    connection?.close(closeCodes.replaced, "replaced");
  }

  #announce(
    session: AdapterSession,
    connection: Connection,
    { resumed }: { readonly resumed: boolean },
  ): void {
    const { nodeId, platform, capabilities } = session.identity;
    connection.onClose((reason) => this.#detach(session, connection, reason));
    log.info("Adapter {node} ({platform}) {action}", {
      node: nodeId,
      platform,
      action: resumed ? "resumed" : "connected",
    });
    this.#options.events.emit("adapter:connected", {
      node_id: nodeId,
      platform,
      capabilities,
      resumed,
    });
  }

  #detach(session: AdapterSession, connection: Connection, reason: string): void {
    const { nodeId, platform } = session.identity;
    const current = session.connection === connection;
    if (current) session.detach();
    if (this.#sessions.get(nodeId) === session && current) {
      if (!session.resumable) this.#end(session);
      else if (!this.#shuttingDown) this.#startExpiry(session);
    }
    log.info("Adapter {node} ({platform}) disconnected: {reason}", {
      node: nodeId,
      platform,
      reason,
    });
    this.#options.events.emit("adapter:disconnected", { node_id: nodeId, platform, reason });
  }

  #startExpiry(session: AdapterSession): void {
    const timer = setTimeout(() => this.#end(session), this.#options.resumeMs);
    this.#expiryTimers.set(session, timer);
  }

  #cancelExpiry(session: AdapterSession): void {
    clearTimeout(this.#expiryTimers.get(session));
    this.#expiryTimers.delete(session);
  }

  #end(session: AdapterSession): void {
    const { nodeId } = session.identity;
    this.#cancelExpiry(session);
    for (const sessions of [this.#sessions, this.#stored]) {
      if (sessions.get(nodeId) === session) sessions.delete(nodeId);
    }
    session.end();
  }
}
