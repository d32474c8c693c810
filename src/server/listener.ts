/**
 * The gateway's port: WebSockets of adapters on `/` and `/ws`, and HTTP for everything else.
 */

import { type Authenticator, bearerOf } from "../access/authenticator.ts";
import { originAllowed } from "../access/origin_policy.ts";
import { ListenError } from "../domain/errors.ts";
import { Backoff } from "../lib/backoff.ts";
import { errorText } from "../lib/error_text.ts";
import { pause, waitAtMost } from "../lib/wait.ts";
import { logger } from "../logging/log.ts";
import { closeCodes, Connection } from "./connection.ts";
import { AdapterConversation, type ConversationOptions } from "./conversation.ts";
import type { Peer } from "./handshake.ts";

const log = logger("server");

/** How long adapters are asked to wait before reconnecting after a restart, milliseconds. */
const reconnectAfterMs = 1_000;
/** How long our close frames may take to leave before the server shuts down, milliseconds. */
const closeHeadStartMs = 50;
/** Delays before the port is opened again after it was lost. */
const reopenDelays = { firstMs: 100, maxMs: 2_000 };

/** Options of a {@linkcode Listener}. */
export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly allowedOrigins: readonly string[];
  /** Maximum number of open WebSockets. */
  readonly connections: number;
  readonly sendBufferBytes: number;
  readonly authenticator: Pick<Authenticator, "knows">;
  readonly conversation: ConversationOptions;
  /** Answers HTTP requests; `address` is the peer's. */
  readonly http: (request: Request, address: string) => Response | Promise<Response>;
}

export class Listener {
  readonly #options: ListenerOptions;
  #server: Deno.HttpServer<Deno.NetAddr>;
  #stopping = false;
  #listening = true;
  readonly #open = new Map<Connection, AdapterConversation>();
  readonly #unregistered: UnregisteredConnectionLimit;
  readonly #serving = Promise.withResolvers<void>();
  readonly #stuckTimer: ReturnType<typeof setInterval>;

  /**
   * Opens the port. Requests wait until {@linkcode Listener.serve}.
   *
   * @throws {ListenError} if the port is in use or the address is not allowed.
   */
  static start(options: ListenerOptions): Listener {
    try {
      return new Listener(options);
    } catch (error) {
      const { host, port } = options;
      const why = error instanceof Deno.errors.AddrInUse
        ? "the port is in use by another program. Choose another one with --port."
        : (error as Error).message;
      throw new ListenError(`Cannot listen on ${host}:${port}: ${why}`, { cause: error });
    }
  }

  private constructor(options: ListenerOptions) {
    this.#options = options;
    this.#unregistered = new UnregisteredConnectionLimit(options);
    this.#server = this.#openPort(options.port);
    this.#stuckTimer = setInterval(() => {
      for (const connection of this.#open.keys()) connection.closeIfStuck();
    }, options.conversation.heartbeatMs);
  }

  /** Whether the port is open: a failed accept closes it until it could be opened again. */
  get listening(): boolean {
    return this.#listening;
  }

  #openPort(port: number): Deno.HttpServer<Deno.NetAddr> {
    const server = Deno.serve({
      hostname: this.#options.host,
      port,
      onListen: () => {},
      onError: (error) => {
        log.error("Cannot answer HTTP request: {error}", { error: errorText(error) });
        return new Response("internal error\n", { status: 500 });
      },
    }, async (request, info) => {
      await this.#serving.promise;
      return await this.#respond(request, info.remoteAddr.hostname);
    });
    server.finished.catch((error) => this.#reopen(server.addr.port, error));
    return server;
  }

  /** Opens the port again after an accept failed, as it does when the process has no file descriptor left. */
  async #reopen(port: number, cause: unknown): Promise<void> {
    if (this.#stopping) return;
    this.#listening = false;
    log.error("The port was closed: {error}; opening it again", { error: errorText(cause) });
    const never = new AbortController().signal;
    for (const backoff = new Backoff(reopenDelays); !this.#stopping;) {
      await pause(backoff.next(), never);
      try {
        this.#server = this.#openPort(port);
        this.#listening = true;
        return log.info("The port is open again");
      } catch (error) {
        log.error("Cannot open the port again: {error}", { error: errorText(error) });
      }
    }
  }

  /** The address it listens on, such as `127.0.0.1:18789`. */
  get address(): string {
    const { hostname, port } = this.#server.addr;
    return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  }

  /** Starts answering requests. */
  serve(): void {
    this.#serving.resolve();
  }

  /** Sends `going_away` to adapters that speak `clara-1`. */
  announceShutdown(reason: string): void {
    for (const [connection, { dialect }] of this.#open) {
      // Python adapters reject unknown frame types.
      if (dialect === "clara-py") continue;
      connection.send({ type: "going_away", reason, reconnect_after_ms: reconnectAfterMs });
    }
  }

  /** Closes all sockets and the port. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.serve();
    clearInterval(this.#stuckTimer);
    for (const connection of this.#open.keys()) {
      connection.close(closeCodes.restart, "the gateway is shutting down");
    }
    // Deno's shutdown sends a close of its own, 1001, and must not overtake ours.
    if (this.#open.size > 0) await pause(closeHeadStartMs, new AbortController().signal);
    // A peer that does not answer the close must not delay the shutdown.
    await waitAtMost(this.#server.shutdown(), 500);
  }

  #respond(request: Request, address: string): Response | Promise<Response> {
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      return this.#options.http(request, address);
    }
    const { pathname } = new URL(request.url);
    if (pathname !== "/" && pathname !== "/ws") {
      return Response.json({ error: "not found", websocket: "/ws" }, { status: 404 });
    }
    if (!originAllowed(request.headers, { allowed: this.#options.allowedOrigins })) {
      const origin = request.headers.get("origin");
      log.warn("Rejected a browser connection from {origin}", { origin });
      const message = `Cannot connect from ${origin}: allow it in CLARA_ALLOWED_ORIGINS`;
      return Response.json({ code: "forbidden_origin", message }, { status: 403 });
    }
    if (this.#open.size >= this.#options.connections) {
      return unavailable(`the limit of ${this.#open.size} connections is reached`, 5);
    }
    // Read the header before the upgrade: afterwards, touching the request crashes Deno's server.
    const peer = { address, bearer: bearerOf(request.headers) };
    if (this.#options.authenticator.knows(peer.bearer)) {
      return this.#upgrade(request, peer);
    }
    if (!this.#unregistered.hasCapacity(address)) {
      return unavailable(
        "too many connections have not registered yet. Send the secret in the Authorization header " +
          "to bypass this limit",
        1,
      );
    }
    return this.#upgrade(request, peer, this.#unregistered.add(address));
  }

  #upgrade(request: Request, peer: Peer, release = () => {}): Response {
    const { heartbeatMs } = this.#options.conversation;
    let upgraded: Deno.WebSocketUpgrade;
    try {
      // Deno pings after half of this time and closes a socket that stays silent for all of it.
      upgraded = Deno.upgradeWebSocket(request, { idleTimeout: 2 * heartbeatMs / 1000 });
    } catch (error) {
      release();
      log.debug("Invalid upgrade request from {address}: {error}", {
        address: peer.address,
        error: errorText(error),
      });
      return Response.json({ error: `Cannot connect: ${errorText(error)}` }, { status: 400 });
    }
    const { socket, response } = upgraded;
    const connection = new Connection(socket, this.#options);
    const conversation = new AdapterConversation(
      { connection, peer, onRegistered: release },
      this.#options.conversation,
    );
    this.#open.set(connection, conversation);
    // Only when the socket itself has closed: a peer that ignores a close still uses resources.
    socket.addEventListener("close", () => {
      this.#open.delete(connection);
      release();
    });
    socket.addEventListener("message", ({ data }) => conversation.receive(data));
    socket.addEventListener("error", (event) => {
      log.debug("Socket error of {address}: {error}", {
        address: peer.address,
        error: (event as ErrorEvent).message,
      });
    });
    return response;
  }
}

/**
 * Limits sockets that have not registered yet to half of all connections, and to a quarter per address,
 * so that strangers cannot keep adapters out.
 */
export class UnregisteredConnectionLimit {
  readonly #limit: number;
  readonly #limitPerAddress: number;
  readonly #byAddress = new Map<string, number>();
  #size = 0;

  /** @param options `connections` is the maximum number of open WebSockets. */
  constructor({ connections }: { readonly connections: number }) {
    this.#limit = Math.ceil(connections / 2);
    this.#limitPerAddress = Math.ceil(connections / 4);
  }

  /** Whether another socket from this address may connect. */
  hasCapacity(address: string): boolean {
    return this.#size < this.#limit && this.#of(address) < this.#limitPerAddress;
  }

  /** Counts a socket. Call the returned function when it has registered or closed. */
  add(address: string): () => void {
    this.#change(address, 1);
    let released = false;
    return () => {
      if (!released) this.#change(address, -1);
      released = true;
    };
  }

  #change(address: string, count: number): void {
    this.#size += count;
    const size = this.#of(address) + count;
    if (size > 0) this.#byAddress.set(address, size);
    else this.#byAddress.delete(address);
  }

  #of(address: string): number {
    return this.#byAddress.get(address) ?? 0;
  }
}

function unavailable(reason: string, retrySeconds: number): Response {
  return Response.json({ code: "rate_limited", message: `Cannot connect: ${reason}` }, {
    status: 503,
    headers: { "retry-after": String(retrySeconds) },
  });
}
