/**
 * Restricts tools to the public internet (SSRF protection). `fetch` connects through this SOCKS5
 * server on loopback, which resolves each host itself, checks every address, and connects to a
 * checked address. Neither a redirect nor DNS rebinding can lead to an internal network.
 */

import { lookup as lookupHost } from "node:dns/promises";
import { isIP } from "node:net";
import { isPublicAddress } from "./public_address.ts";
import {
  answerSocks,
  close,
  connectToAny,
  readSocksRequest,
  relay,
  type SocksRequest,
} from "./socks5.ts";

/** Options of an {@linkcode EgressGuard}. */
export interface EgressGuardOptions {
  /** Returns all addresses of a host. Default: the system's resolver. */
  readonly lookup?: (hostname: string) => Promise<readonly string[]>;
  /** Allowed ports. Default: all. */
  readonly ports?: readonly number[];
  /** Addresses with port (`127.0.0.1:8080`) that are allowed though not public. For tests only. */
  readonly allowAddresses?: readonly string[];
}

/** A destination is forbidden or cannot be reached. */
export class EgressError extends Error {
  override readonly name = "EgressError";
}

/** Permission to connect through a guard; disposing of it closes its connections. */
export interface EgressPass extends Disposable {
  /** For `fetch`. */
  readonly client: Deno.HttpClient;
  /** Why the guard refused to connect; `fetch` itself does not say. */
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
  /** Passes by name. Clients without one, such as other processes, are refused. */
  readonly #passes = new Map<string, Pass>();
  /** The password of all passes. */
  readonly #password = crypto.randomUUID();
  /** All incoming connections, with or without a pass. */
  readonly #incoming = new Set<Deno.Conn>();
  #listener?: Deno.TcpListener;
  #closed = false;

  constructor({ lookup = lookupAll, ports, allowAddresses = [] }: EgressGuardOptions = {}) {
    this.#lookup = lookup;
    this.#ports = ports;
    this.#allowed = new Set(allowAddresses);
  }

  /**
   * Checks a URL without resolving its host.
   *
   * @throws {EgressError} if it is forbidden.
   */
  checkUrl(url: URL): void {
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw new EgressError(`Cannot fetch "${url}": only http and https are allowed`);
    }
    if (url.username || url.password) {
      throw new EgressError("Cannot fetch a URL that contains a user name or password");
    }
    const hostname = url.hostname.replace(/^\[(.*)\]$/, "$1");
    const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
    this.#checkPort(hostname, port);
    if (isIP(hostname)) this.#checkAddresses([hostname], { hostname, port });
  }

  /** Issues a pass; pass its `client` to `fetch`. Starts the server on first use. */
  open(): EgressPass {
    if (this.#closed) throw new EgressError("Cannot connect: the gateway is stopping");
    this.#listener ??= this.#listen();
    const name = crypto.randomUUID();
    const pass: Pass = { refusal: undefined, connections: new Set() };
    this.#passes.set(name, pass);
    const { port } = this.#listener.addr as Deno.NetAddr;
    const client = withoutNoProxy(() =>
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
        // `fetch` notices a broken connection when it is closed.
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
      await this.#connect(conn, { pass, request });
    } finally {
      pass.connections.delete(conn);
    }
  }

  async #connect(
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

  /** Resolves a host and checks all its addresses. */
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
      `Cannot reach "${hostname}:${port}": the allowed ports are ${this.#ports.join(", ")}`,
    );
  }

  /** Refuses a host if any of its addresses is not public. */
  #checkAddresses(
    addresses: readonly string[],
    { hostname, port }: Pick<SocksRequest, "hostname" | "port">,
  ): void {
    const forbidden = addresses.find((address) =>
      !isPublicAddress(address) && !this.#allowed.has(`${address}:${port}`)
    );
    if (forbidden === undefined) return;
    const address = forbidden === hostname ? "" : ` (${forbidden})`;
    throw new EgressError(
      `Cannot reach "${hostname}"${address}: it is not a public internet address`,
    );
  }
}

async function lookupAll(hostname: string): Promise<readonly string[]> {
  return (await lookupHost(hostname, { all: true })).map(({ address }) => address);
}

/**
 * Creates a client while NO_PROXY is unset: `fetch` would bypass the guard for the hosts in it. No
 * other code runs in the meantime.
 */
function withoutNoProxy<T>(make: () => T): T {
  const hidden = ["NO_PROXY", "no_proxy"].map((name) => [name, Deno.env.get(name)] as const);
  try {
    for (const [name] of hidden) Deno.env.delete(name);
    return make();
  } finally {
    for (const [name, value] of hidden) if (value !== undefined) Deno.env.set(name, value);
  }
}
