/**
 * Which adapter is on which connection. A newer connection takes an adapter's place over from an
 * older one, and its session too where it resumes, also one that the last process has left. Replies
 * find their way out through it.
 */

import type { EventBus } from "../domain/events.ts";
import { logger } from "../logging/log.ts";
import type { ReplyTransport } from "../delivery/port.ts";
import { AdapterConnection, type AdapterIdentity } from "./adapter_connection.ts";
import { closeCodes, type Connection } from "./connection.ts";
import type { SessionPersister } from "./session_persister.ts";

const log = logger("server");

/** What an {@linkcode AdapterRegistry} is given. */
export interface AdapterRegistryOptions {
  readonly events: EventBus;
  /** How long a session without a connection is kept, milliseconds. */
  readonly resumeMs: number;
  /** Keeps the sessions over a restart. */
  readonly keeper: SessionPersister;
  readonly newId?: () => string;
}

/** A session to take up again. */
export interface ResumePoint {
  readonly sessionId: string;
  /** The last frame that arrived. */
  readonly lastSeq: number;
}

export class AdapterRegistry implements ReplyTransport {
  readonly #options: AdapterRegistryOptions;
  readonly #newId: () => string;
  /** Sessions by node id, those that have lost their connection among them. */
  readonly #links = new Map<string, AdapterConnection>();
  /**
   * By node id, sessions that the last process has left and nobody has taken up. Nothing is sent in
   * them: the last process may have sent more than it could still write down, under numbers that would
   * be given out again before the adapter has said which ones it knows.
   */
  readonly #stored = new Map<string, AdapterConnection>();
  #closed = false;
  readonly #expiry = new Map<AdapterConnection, ReturnType<typeof setTimeout>>();

  constructor(options: AdapterRegistryOptions) {
    this.#options = options;
    this.#newId = options.newId ?? (() => `session-${crypto.randomUUID()}`);
  }

  /** Takes over the sessions that the last process has left; from now on they wait for their adapters. */
  async load(): Promise<void> {
    for (const link of await this.#options.keeper.load()) {
      this.#stored.set(link.identity.nodeId, link);
      this.#expireLater(link);
    }
  }

  connection(nodeId: string): AdapterConnection | undefined {
    return this.#links.get(nodeId);
  }

  /** All adapters that are connected. */
  links(): readonly AdapterConnection[] {
    return [...this.#links.values()].filter(({ connection }) => connection !== undefined);
  }

  /** The adapters of a platform that are connected. */
  nodesOf(platform: string): readonly string[] {
    return this.links().map(({ identity }) => identity)
      .filter((identity) => identity.platform === platform).map(({ nodeId }) => nodeId);
  }

  /** Puts an adapter on a connection, in a new session; one that it had before is closed with 4409. */
  attach(
    identity: AdapterIdentity,
    { connection, welcome }: {
      readonly connection: Connection;
      readonly welcome: (sessionId: string) => object;
    },
  ): AdapterConnection {
    const { nodeId } = identity;
    const { keeper } = this.#options;
    const sessionId = this.#newId();
    const link = new AdapterConnection({
      identity,
      sessionId,
      connection,
      onChange: keeper.changed,
    });
    const old = this.#found(nodeId);
    this.#links.set(nodeId, link);
    // First of all: replies that waited for the old one go on as soon as that has ended.
    connection.send(welcome(sessionId));
    if (old) {
      this.#replace(old);
      this.#end(old);
    }
    if (this.#closed) link.leave();
    keeper.changed(link);
    this.#connected(link, connection, { resumed: false });
    return link;
  }

  /** Whether a session can be taken up again. */
  canResume(nodeId: string, point: ResumePoint): boolean {
    return this.#found(nodeId)?.canResume(point) ?? false;
  }

  /**
   * Puts an adapter's session on another connection. `welcome` is sent first, then what the adapter
   * has missed.
   */
  resume(
    nodeId: string,
    { lastSeq, connection, welcome }: {
      readonly lastSeq: number;
      readonly connection: Connection;
      readonly welcome: object;
    },
  ): AdapterConnection {
    const link = this.#found(nodeId)!;
    this.#replace(link);
    this.#keep(link);
    this.#stored.delete(nodeId);
    this.#links.set(nodeId, link);
    connection.send(welcome);
    this.#connected(link, connection, { resumed: true });
    link.resume(connection, lastSeq);
    return link;
  }

  /**
   * Drops the frames that are kept for adapters of a platform, since a user of it is to be forgotten;
   * resolves when they are off the disk. @throws {StoreError}
   */
  async forgetFrames(platform: string): Promise<void> {
    for (const link of [...this.#links.values(), ...this.#stored.values()]) {
      if (link.identity.platform === platform) link.forget();
    }
    await this.#options.keeper.write();
  }

  /** From now on no session ends for want of a connection: the next gateway takes them over. */
  close(): void {
    this.#closed = true;
    for (const link of this.#expiry.keys()) this.#keep(link);
    for (const link of this.#links.values()) link.leave();
  }

  #found(nodeId: string): AdapterConnection | undefined {
    return this.#links.get(nodeId) ?? this.#stored.get(nodeId);
  }

  /** Closes the connection that a session has, or had. */
  #replace({ connection, identity }: AdapterConnection): void {
    connection?.send({
      type: "error",
      request_id: null,
      code: "replaced",
      message: `Another connection has registered as "${identity.nodeId}". Give each adapter its ` +
        "own node_id.",
      recoverable: false,
    });
    connection?.close(closeCodes.replaced, "replaced");
  }

  #connected(
    link: AdapterConnection,
    connection: Connection,
    { resumed }: { readonly resumed: boolean },
  ): void {
    const { nodeId, platform, capabilities } = link.identity;
    connection.onClose((reason) => this.#detach(link, connection, reason));
    log.info("Adapter {node} ({platform}) is {how}", {
      node: nodeId,
      platform,
      how: resumed ? "back" : "connected",
    });
    this.#options.events.emit("adapter:connected", {
      node_id: nodeId,
      platform,
      capabilities,
      resumed,
    });
  }

  #detach(link: AdapterConnection, connection: Connection, reason: string): void {
    const { nodeId, platform } = link.identity;
    const current = link.connection === connection;
    if (current) link.detach();
    if (this.#links.get(nodeId) === link && current) {
      if (!link.resumable) this.#end(link);
      else if (!this.#closed) this.#expireLater(link);
    }
    log.info("Adapter {node} ({platform}) is gone: {reason}", { node: nodeId, platform, reason });
    this.#options.events.emit("adapter:disconnected", { node_id: nodeId, platform, reason });
  }

  #expireLater(link: AdapterConnection): void {
    this.#expiry.set(link, setTimeout(() => this.#end(link), this.#options.resumeMs));
  }

  #keep(link: AdapterConnection): void {
    clearTimeout(this.#expiry.get(link));
    this.#expiry.delete(link);
  }

  #end(link: AdapterConnection): void {
    const { nodeId } = link.identity;
    this.#keep(link);
    for (const links of [this.#links, this.#stored]) {
      if (links.get(nodeId) === link) links.delete(nodeId);
    }
    link.end();
  }
}
