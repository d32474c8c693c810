/**
 * One port for all: the WebSocket of the adapters on `/` and `/ws`, HTTP for the rest. Started and
 * stopped by the gateway.
 */

import { errorText } from "../lib/error_text.ts";
import { ListenError } from "../domain/errors.ts";
import { logger } from "../logging/log.ts";
import { waitAtMost } from "../lib/wait.ts";
import { AdapterConversation, type ConversationOptions } from "./conversation.ts";
import { bearerOf } from "../access/authenticator.ts";
import type { Peer } from "./admission.ts";
import { closeCodes, Connection } from "./connection.ts";
import { UnregisteredConnectionLimit } from "./unregistered_limit.ts";
import { originAllowed } from "../access/origin_policy.ts";

const log = logger("server");

/** How long an adapter is asked to wait before it comes back after a restart, milliseconds. */
const reconnectAfterMs = 1_000;

/** What a {@linkcode Listener} is given. */
export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly allowedOrigins: readonly string[];
  /** Sockets that may be open at once. */
  readonly connections: number;
  readonly sendBufferBytes: number;
  readonly conversation: ConversationOptions;
  /** Answers what is no WebSocket; `address` is the peer's. */
  readonly http: (request: Request, address: string) => Response | Promise<Response>;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #open = new Map<Connection, AdapterConversation>();
  readonly #lobby: UnregisteredConnectionLimit;
  readonly #admitted = Promise.withResolvers<void>();
  readonly #stuckTimer: ReturnType<typeof setInterval>;

  /** Opens the port; whoever comes waits until `admit`. @throws {ListenError} when it is taken, not allowed, or no address of ours. */
  static start(options: ListenerOptions): Listener {
    try {
      return new Listener(options);
    } catch (error) {
      const { host, port } = options;
      const why = error instanceof Deno.errors.AddrInUse
        ? "another program listens there. Choose another one with --port."
        : (error as Error).message;
      throw new ListenError(`Cannot listen on ${host}:${port}: ${why}`, { cause: error });
    }
  }

  private constructor(options: ListenerOptions) {
    this.#options = options;
    this.#lobby = new UnregisteredConnectionLimit(options);
    this.#server = Deno.serve({
      hostname: options.host,
      port: options.port,
      onListen: () => {},
      onError: (error) => {
        log.error("A request failed: {error}", { error: errorText(error) });
        return new Response("internal error\n", { status: 500 });
      },
    }, async (request, info) => {
      await this.#admitted.promise;
      return await this.#serve(request, info.remoteAddr.hostname);
    });
    this.#stuckTimer = setInterval(() => {
      for (const connection of this.#open.keys()) connection.cutIfStuck();
    }, options.conversation.heartbeatMs);
  }

  /** The address that it listens on, such as `127.0.0.1:18789`. */
  get address(): string {
    const { hostname, port } = this.#server.addr;
    return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  }

  /** From now on requests are answered. */
  admit(): void {
    this.#admitted.resolve();
  }

  /** Tells the adapters that speak `clara-1` that the gateway is about to stop. */
  announceEnd(reason: string): void {
    for (const [connection, { dialect }] of this.#open) {
      // An adapter of the Python system rejects a type that it does not know.
      if (dialect === "clara-py") continue;
      connection.send({ type: "going_away", reason, reconnect_after_ms: reconnectAfterMs });
    }
  }

  /** Closes all sockets and the port. */
  async stop(): Promise<void> {
    this.admit();
    clearInterval(this.#stuckTimer);
    for (const connection of this.#open.keys()) {
      connection.close(closeCodes.goingAway, "the gateway is stopping");
    }
    // Not awaited for longer than a moment: a peer that does not answer a close must not hold it.
    await waitAtMost(this.#server.shutdown(), 500);
  }

  #serve(request: Request, address: string): Response | Promise<Response> {
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      return this.#options.http(request, address);
    }
    const { pathname } = new URL(request.url);
    if (pathname !== "/" && pathname !== "/ws") {
      return Response.json({ error: "not found", websocket: "/ws" }, { status: 404 });
    }
    if (!originAllowed(request.headers, { allowed: this.#options.allowedOrigins })) {
      const origin = request.headers.get("origin");
      log.warn("Refused a browser's connection from {origin}", { origin });
      const message = `Cannot connect from ${origin}: allow it in CLARA_ALLOWED_ORIGINS`;
      return Response.json({ code: "forbidden_origin", message }, { status: 403 });
    }
    if (this.#open.size >= this.#options.connections) {
      return fullHouse(`${this.#open.size} connections are open, the most allowed`, 5);
    }
    // Read now: an upgraded request is closed, and what throws from then on ends Deno's server.
    const peer = { address, bearer: bearerOf(request.headers) };
    if (this.#options.conversation.authenticator.knows(peer.bearer)) {
      return this.#upgrade(request, peer);
    }
    if (!this.#lobby.hasRoom(address)) {
      return fullHouse(
        "too many connections have not registered yet. A secret as Authorization header passes them by",
        1,
      );
    }
    return this.#upgrade(request, peer, this.#lobby.enter(address));
  }

  #upgrade(request: Request, peer: Peer, leaveLobby = () => {}): Response {
    const { heartbeatMs } = this.#options.conversation;
    let upgraded: Deno.WebSocketUpgrade;
    try {
      // Deno pings after half of it and closes a socket that was silent for all of it.
      upgraded = Deno.upgradeWebSocket(request, { idleTimeout: 2 * heartbeatMs / 1000 });
    } catch (error) {
      leaveLobby();
      log.debug("Broken upgrade from {address}: {error}", {
        address: peer.address,
        error: errorText(error),
      });
      return Response.json({ error: `Cannot connect: ${errorText(error)}` }, { status: 400 });
    }
    const { socket, response } = upgraded;
    const connection = new Connection(socket, this.#options);
    const conversation = new AdapterConversation(connection, peer, this.#options.conversation);
    this.#open.set(connection, conversation);
    conversation.onRegistered(leaveLobby);
    // Not before the socket itself has ended: a peer that ignores a close still takes up a place.
    socket.addEventListener("close", () => {
      this.#open.delete(connection);
      leaveLobby();
    });
    socket.addEventListener("message", ({ data }) => conversation.receive(data));
    socket.addEventListener("error", (event) => {
      log.debug("Socket of {address}: {error}", {
        address: peer.address,
        error: (event as ErrorEvent).message,
      });
    });
    return response;
  }
}

/** Tells one for whom there is no place, and when it may try again. */
function fullHouse(why: string, retrySeconds: number): Response {
  return Response.json({ code: "rate_limited", message: `Cannot connect: ${why}` }, {
    status: 503,
    headers: { "retry-after": String(retrySeconds) },
  });
}
