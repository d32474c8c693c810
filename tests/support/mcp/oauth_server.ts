/**
 * An MCP server protected by OAuth, and its authorization server, on loopback. It supports discovery,
 * dynamic registration, PKCE, and refresh tokens that can be used once.
 */

import { createHash } from "node:crypto";
import { respond, ScriptedMcpServer, type ScriptedServerOptions } from "./scripted_server.ts";

/** Options of {@linkcode OAuthMcpServer.start}. */
export interface OAuthServerOptions {
  readonly mcp?: ScriptedServerOptions;
  /** Whether clients can register themselves. Default: true. */
  readonly registration?: boolean;
  /** What the user says on the page. Default: agrees. */
  readonly agrees?: boolean;
}

interface Grant {
  readonly client: string;
  readonly redirectUrl: string;
  readonly challenge: string;
}

export class OAuthMcpServer implements AsyncDisposable {
  readonly mcp: ScriptedMcpServer;
  /** The forms sent to the token endpoint. */
  readonly tokenRequests: Readonly<Record<string, string>>[] = [];
  /** What the page was asked for. */
  readonly pages: URLSearchParams[] = [];
  registrations = 0;
  /** The status of the token endpoint, if it is out of order. */
  outage?: number;
  #accessToken = "";
  #refreshToken = "";
  #count = 0;
  readonly #grants = new Map<string, Grant>();
  readonly #clients = new Map<string, readonly string[]>();
  readonly #options: OAuthServerOptions;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  static start(options: OAuthServerOptions = {}): OAuthMcpServer {
    return new OAuthMcpServer(options);
  }

  private constructor(options: OAuthServerOptions) {
    this.#options = options;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#answer(request),
    );
    this.mcp = ScriptedMcpServer.start({
      ...options.mcp,
      guard: (request) => this.#guard(request),
    });
  }

  /** The URL of the MCP server. */
  get url(): string {
    return this.mcp.url;
  }

  get #issuer(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Lets the access token expire. */
  expire(): void {
    this.#accessToken = "";
  }

  /** Lets the refresh token expire, too. */
  revoke(): void {
    this.expire();
    this.#refreshToken = "";
  }

  /** Adds a client by hand. */
  addClient(id: string, redirectUrls: readonly string[]): void {
    this.#clients.set(id, redirectUrls);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mcp[Symbol.asyncDispose]();
    await this.#server.shutdown();
  }

  #guard(request: Request): Response | undefined {
    const { pathname, origin } = new URL(request.url);
    if (pathname === "/.well-known/resource") {
      return respond({
        resource: this.url,
        authorization_servers: [this.#issuer],
        scopes_supported: ["tools"],
      });
    }
    const token = request.headers.get("authorization")?.replace("Bearer ", "");
    if (token && token === this.#accessToken) return undefined;
    const metadata = `${origin}/.well-known/resource`;
    return new Response('{"error":"invalid_token"}', {
      status: 401,
      headers: {
        "www-authenticate": `Bearer error="invalid_token", resource_metadata="${metadata}"`,
      },
    });
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case "/.well-known/oauth-authorization-server":
        return respond({
          issuer: this.#issuer,
          authorization_endpoint: `${this.#issuer}/authorize`,
          token_endpoint: `${this.#issuer}/token`,
          ...this.#options.registration !== false &&
            { registration_endpoint: `${this.#issuer}/register` },
          response_types_supported: ["code"],
          code_challenge_methods_supported: ["S256"],
          token_endpoint_auth_methods_supported: ["none"],
        });
      case "/register":
        return this.#register(await request.json());
      case "/authorize":
        return this.#authorize(searchParams);
      case "/token":
        return this.#token(Object.fromEntries(new URLSearchParams(await request.text())));
      default:
        return new Response("not found", { status: 404 });
    }
  }

  #register(metadata: { readonly redirect_uris: readonly string[] }): Response {
    const id = `client-${++this.registrations}`;
    this.addClient(id, metadata.redirect_uris);
    return respond({ ...metadata, client_id: id }, "application/json", 201);
  }

  #authorize(query: URLSearchParams): Response {
    this.pages.push(query);
    const [client, redirectUrl] = [query.get("client_id")!, query.get("redirect_uri")!];
    if (!this.#clients.get(client)?.includes(redirectUrl)) {
      return new Response("unknown client or redirect", { status: 400 });
    }
    const target = new URL(redirectUrl);
    target.searchParams.set("state", query.get("state")!);
    if (this.#options.agrees === false) {
      target.searchParams.set("error", "access_denied");
      target.searchParams.set("error_description", "the user said no");
    } else {
      const code = crypto.randomUUID();
      this.#grants.set(code, { client, redirectUrl, challenge: query.get("code_challenge")! });
      target.searchParams.set("code", code);
    }
    return new Response(null, { status: 302, headers: { location: target.href } });
  }

  #token(form: Readonly<Record<string, string>>): Response {
    this.tokenRequests.push(form);
    if (this.outage) return new Response("out of order", { status: this.outage });
    const granted = form.grant_type === "refresh_token"
      ? this.#refreshToken !== "" && form.refresh_token === this.#refreshToken
      : this.#redeem(form);
    if (!granted) return respond({ error: "invalid_grant" }, "application/json", 400);
    this.#count++;
    this.#accessToken = `access-token-${this.#count}`;
    this.#refreshToken = `refresh-token-${this.#count}`;
    return respond({
      access_token: this.#accessToken,
      refresh_token: this.#refreshToken,
      token_type: "Bearer",
      expires_in: 60,
    });
  }

  #redeem(
    { code = "", code_verifier = "", redirect_uri }: Readonly<Record<string, string>>,
  ): boolean {
    const grant = this.#grants.get(code);
    this.#grants.delete(code);
    const challenge = createHash("sha256").update(code_verifier).digest("base64url");
    return grant?.challenge === challenge && grant.redirectUrl === redirect_uri;
  }
}
