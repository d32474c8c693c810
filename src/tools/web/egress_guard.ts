/**
 * Lets tools reach the public internet and nothing else. It is a SOCKS5 server on loopback through
 * which `fetch` connects: it resolves each name itself, checks every address, and connects to an
 * address that it checked. So neither a redirect nor a name that changes its address (DNS
 * rebinding) leads inside. Used by `fetch_url`.
 */

import { lookup as lookupHost } from "node:dns/promises";
import { isIP } from "node:net";
import { isPublicAddress } from "./public_address.ts";
import { answerSocks, readSocksRequest, type SocksRequest } from "./socks5.ts";
import { close, connectToAny, relay } from "./tcp_relay.ts";

/** What {@linkcode EgressGuard} may be given. */
export interface EgressGuardOptions {
  /** Gives all addresses of a name. Default: what the system's resolver says. */
  readonly lookup?: (hostname: string) => Promise<readonly string[]>;
  /** The ports that may be reached. Default: all. */
  readonly ports?: readonly number[];
  /** Addresses with port (`127.0.0.1:8080`) that are reached though not public. For tests only. */
  readonly allowAddresses?: readonly string[];
}

/** A place that must not be reached. */
export class EgressError extends Error {
  override readonly name = "EgressError";
}

/** The right to connect through a guard; disposing of it ends its connections. */
export interface EgressPass extends Disposable {
  /** For `fetch`. */
  readonly client: Deno.HttpClient;
  /** Why the guard let it not connect; `fetch` itself only says that it failed. */
  readonly refusal: EgressError | undefined;
}

interface Pass {
  refusal: EgressError | undefined;
  readonly connections: Set<Deno.Conn>;
}

export class EgressGuard implements Disposable {
  readonly #lookup: (hostname: string) => Promise<readonly string[]>;
  readonly #ports: readonly number[] | undefined;
  readonly #allowed: ReadonlySet<string>;
  /** By name. Who knows none of them, such as another process, is turned away. */
  readonly #passes = new Map<string, Pass>();
  /** What the holder of any pass must know too. */
  readonly #password = crypto.randomUUID();
  /** Every connection that came in, whether it has shown a pass yet or not. */
  readonly #incoming = new Set<Deno.Conn>();
  #listener?: Deno.TcpListener;
  #closed = false;

  constructor({ lookup = lookupAll, ports, allowAddresses = [] }: EgressGuardOptions = {}) {
    this.#lookup = lookup;
    this.#ports = ports;
    this.#allowed = new Set(allowAddresses);
  }

  /**
   * Checks what can be told from a URL alone.
   *
   * @throws {EgressError} when it must not be reached.
   */
  checkUrl(url: URL): void {
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw new EgressError(`Cannot fetch "${url}": only http and https are allowed`);
    }
    if (url.username || url.password) {
      throw new EgressError("Cannot fetch a URL with a user name or password in it");
    }
    const hostname = url.hostname.replace(/^\[(.*)\]$/, "$1");
    const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
    this.#checkPort(hostname, port);
    if (isIP(hostname)) this.#checkAddresses([hostname], { hostname, port });
  }

  /** Opens a pass; its `client` is for `fetch`. Starts the server where it does not run yet. */
  open(): EgressPass {
    if (this.#closed) throw new EgressError("Cannot connect: the gateway is stopping");
    this.#listener ??= this.#listen();
    const name = crypto.randomUUID();
    const pass: Pass = { refusal: undefined, connections: new Set() };
    this.#passes.set(name, pass);
    const { port } = this.#listener.addr as Deno.NetAddr;
    const client = withoutProxyExceptions(() =>
      Deno.createHttpClient({
        proxy: { url: `socks5h://${name}:${this.#password}@127.0.0.1:${port}` },
      })
    );
    const end = () => {
      this.#passes.delete(name);
      pass.connections.forEach(close);
      client.close();
    };
    return {
      client,
      get refusal() {
        return pass.refusal;
      },
      [Symbol.dispose]: end,
    };
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#listener?.close();
    for (const { connections } of this.#passes.values()) connections.forEach(close);
    this.#incoming.forEach(close);
    this.#passes.clear();
  }

  #listen(): Deno.TcpListener {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    (async () => {
      for await (const conn of listener) {
        this.#incoming.add(conn);
        // A connection that breaks is told to `fetch` by its end.
        this.#serve(conn).catch(() => {}).finally(() => {
          this.#incoming.delete(conn);
          close(conn);
        });
      }
    })();
    return listener;
  }

  async #serve(conn: Deno.Conn): Promise<void> {
    const request = await readSocksRequest(conn);
    const pass = request && this.#passes.get(request.username);
    if (!pass || request.password !== this.#password) return;
    pass.connections.add(conn);
    try {
      await this.#serveHolder(conn, { pass, request });
    } finally {
      pass.connections.delete(conn);
    }
  }

  async #serveHolder(
    conn: Deno.Conn,
    { pass, request }: { readonly pass: Pass; readonly request: SocksRequest },
  ): Promise<void> {
    let addresses: readonly string[];
    try {
      addresses = await this.#addressesOf(request);
    } catch (error) {
      pass.refusal = error as EgressError;
      return await answerSocks(conn, "refused");
    }
    const target = await connectToAny(addresses, request.port);
    if (!target) {
      pass.refusal = new EgressError(`Cannot connect to "${request.hostname}:${request.port}"`);
      return await answerSocks(conn, "unreachable");
    }
    pass.connections.add(target);
    try {
      await answerSocks(conn, "done");
      await relay(conn, target);
    } finally {
      pass.connections.delete(target);
      close(target);
    }
  }

  /** The addresses of a host, all of them checked. */
  async #addressesOf({ hostname, port }: SocksRequest): Promise<readonly string[]> {
    this.#checkPort(hostname, port);
    let addresses: readonly string[] = [hostname];
    if (!isIP(hostname)) {
      addresses = await this.#lookup(hostname).catch(() => []);
      if (addresses.length === 0) throw new EgressError(`Cannot find the host "${hostname}"`);
    }
    this.#checkAddresses(addresses, { hostname, port });
    return addresses;
  }

  #checkPort(hostname: string, port: number): void {
    if (!this.#ports || this.#ports.includes(port)) return;
    throw new EgressError(
      `Cannot reach "${hostname}:${port}": only these ports are allowed: ${this.#ports.join(", ")}`,
    );
  }

  /** One address that is not public is enough to refuse: a name has no business inside and out. */
  #checkAddresses(
    addresses: readonly string[],
    { hostname, port }: Pick<SocksRequest, "hostname" | "port">,
  ): void {
    const closed = addresses.find((address) =>
      !isPublicAddress(address) && !this.#allowed.has(`${address}:${port}`)
    );
    if (closed === undefined) return;
    const address = closed === hostname ? "" : ` (${closed})`;
    throw new EgressError(
      `Cannot reach "${hostname}"${address}: it is not a public address of the internet`,
    );
  }
}

async function lookupAll(hostname: string): Promise<readonly string[]> {
  return (await lookupHost(hostname, { all: true })).map(({ address }) => address);
}

/**
 * Makes a client while the variables are hidden that name hosts to reach without a proxy: `fetch`
 * would pass the guard by for them. Nothing else runs meanwhile.
 */
function withoutProxyExceptions<T>(make: () => T): T {
  const hidden = ["NO_PROXY", "no_proxy"].map((name) => [name, Deno.env.get(name)] as const);
  try {
    for (const [name] of hidden) Deno.env.delete(name);
    return make();
  } finally {
    for (const [name, value] of hidden) if (value !== undefined) Deno.env.set(name, value);
  }
}
