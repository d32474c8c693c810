/**
 * Which adapter is on which connection. A newer connection takes an adapter's place over from an
 * older one. Replies find their way out through it.
 */

import type { EventBus } from "../events.ts";
import { logger } from "../log.ts";
import type { Outlet } from "../processor/outlet.ts";
import { type AdapterIdentity, AdapterLink } from "./adapter_link.ts";
import { closeCodes, type Connection } from "./connection.ts";

const log = logger("server");

/** What an {@linkcode AdapterHub} is given. */
export interface AdapterHubOptions {
  readonly events: EventBus;
  readonly newId?: () => string;
}

export class AdapterHub implements Outlet {
  readonly #events: EventBus;
  readonly #newId: () => string;
  readonly #links = new Map<string, AdapterLink>();

  constructor(options: AdapterHubOptions) {
    this.#events = options.events;
    this.#newId = options.newId ?? (() => `session-${crypto.randomUUID()}`);
  }

  link(nodeId: string): AdapterLink | undefined {
    return this.#links.get(nodeId);
  }

  /** All adapters that are connected. */
  links(): readonly AdapterLink[] {
    return [...this.#links.values()];
  }

  /** The adapters of a platform that are connected. */
  nodesOf(platform: string): readonly string[] {
    return this.links().map(({ identity }) => identity)
      .filter((identity) => identity.platform === platform).map(({ nodeId }) => nodeId);
  }

  /** Puts an adapter on a connection; one that it had before is closed with 4409. */
  attach(identity: AdapterIdentity, connection: Connection): AdapterLink {
    const { nodeId, platform, capabilities } = identity;
    const link = new AdapterLink(identity, this.#newId(), connection);
    const old = this.#links.get(nodeId);
    this.#links.set(nodeId, link);
    old?.connection.send({
      type: "error",
      request_id: null,
      code: "replaced",
      message:
        `Another connection has registered as "${nodeId}". Give each adapter its own node_id.`,
      recoverable: false,
    });
    old?.connection.close(closeCodes.replaced, "replaced");
    connection.onClose((reason) => this.#detach(link, reason));
    log.info("Adapter {node} ({platform}) is connected", { node: nodeId, platform });
    this.#events.emit("adapter:connected", { node_id: nodeId, platform, capabilities });
    return link;
  }

  #detach(link: AdapterLink, reason: string): void {
    const { nodeId, platform } = link.identity;
    if (this.#links.get(nodeId) === link) this.#links.delete(nodeId);
    log.info("Adapter {node} ({platform}) is gone: {reason}", { node: nodeId, platform, reason });
    this.#events.emit("adapter:disconnected", { node_id: nodeId, platform, reason });
  }
}
