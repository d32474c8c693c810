/**
 * Logs in to an MCP server that is protected by OAuth: the authorization code flow with PKCE, dynamic
 * client registration, and a redirect to a local port (RFC 8252), by the SDK's client.
 */

import type { OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js";
import { Deadline } from "../../lib/deadline.ts";
import { errorText } from "../../lib/error_text.ts";
import type { McpServerConfig } from "./config_file.ts";
import type { HttpEndpoint } from "./http_transport.ts";
import {
  authorizationFetch,
  clientMetadata,
  loadOAuth,
  type OAuthChallenge,
  type OAuthRecord,
  type OAuthTokens,
} from "./oauth.ts";

/** Options of {@linkcode logIn}. */
export interface LoginOptions extends HttpEndpoint {
  /** A client that was registered by hand. */
  readonly oauth?: McpServerConfig["oauth"];
  /** The scope that the server asked for earlier. */
  readonly scope?: string;
  /** Shows the page on which the user agrees. */
  readonly openPage: (url: URL) => void | Promise<void>;
  /** How long to wait for the user, milliseconds. Default: 10 minutes. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Logs in and returns the tokens.
 *
 * @throws {Error} if the server does not support OAuth or refuses, or nobody agrees in time.
 */
export async function logIn(options: LoginOptions): Promise<OAuthRecord> {
  const { url, oauth, timeoutMs = 600_000 } = options;
  using deadline = new Deadline({
    ms: timeoutMs,
    signal: options.signal,
    reason: new Error(`nobody agreed within ${timeoutMs / 1000} seconds`),
  });
  const { auth } = await loadOAuth();
  const challenge = await challengeOf(options);
  const scope = oauth?.scope ?? challenge.scope ?? options.scope;
  await using callback = new CallbackServer(oauth?.redirectPort);
  const flow = new LoginFlow(options, callback);
  const fetchFn = authorizationFetch;
  const request = { ...challenge, serverUrl: url.href, scope, fetchFn };
  try {
    const result = await deadline.race(auth(flow.provider, request));
    if (result === "REDIRECT") {
      const authorizationCode = await deadline.race(callback.code);
      await deadline.race(auth(flow.provider, { ...request, authorizationCode }));
    }
  } catch (error) {
    // The SDK shows how its schema does not match; the server's words say more.
    const text = errorText(error).replace(/Invalid OAuth error response: .*Raw body: /s, "");
    const hint = flow.record.client === undefined
      ? '; register the gateway there and set "oauth": { "clientId": … } in mcp.json, or set an ' +
        "Authorization header if the server uses keys"
      : "";
    throw new Error(`Cannot log in: ${text}${hint}`, { cause: error });
  }
  return flow.record;
}

/** What the server says about authorization when asked without a token. */
async function challengeOf({ url, headers }: HttpEndpoint): Promise<OAuthChallenge> {
  const { extractWWWAuthenticateParams } = await loadOAuth();
  const response = await authorizationFetch(url, {
    method: "POST",
    headers: {
      ...headers,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 0, method: "ping" }),
  });
  await response.body?.cancel();
  return response.status === 401 ? extractWWWAuthenticateParams(response) : {};
}

/** The state of one login, as the SDK's provider. */
class LoginFlow {
  #record: OAuthRecord;
  #codeVerifier = "";
  readonly provider: OAuthClientProvider;

  constructor({ url, oauth, openPage }: LoginOptions, callback: CallbackServer) {
    const { clientId, clientSecret, scope } = oauth ?? {};
    const client = clientId === undefined
      ? undefined
      : { client_id: clientId, ...(clientSecret !== undefined && { client_secret: clientSecret }) };
    this.#record = { url: url.href, client };
    this.provider = {
      redirectUrl: callback.url,
      clientMetadata: {
        ...clientMetadata(callback.url),
        ...(scope !== undefined && { scope }),
      },
      state: () => callback.state,
      clientInformation: () => this.#record.client,
      saveClientInformation: (client: OAuthRecord["client"]) => this.#update({ client }),
      tokens: () => this.#record.tokens,
      saveTokens: (tokens: OAuthTokens) => this.#update({ tokens }),
      discoveryState: () => this.#record.discovery,
      saveDiscoveryState: (discovery: OAuthRecord["discovery"]) => this.#update({ discovery }),
      saveCodeVerifier: (verifier: string) => this.#codeVerifier = verifier,
      codeVerifier: () => this.#codeVerifier,
      redirectToAuthorization: openPage,
    } as unknown as OAuthClientProvider;
  }

  get record(): OAuthRecord {
    return this.#record;
  }

  #update(fields: Partial<OAuthRecord>): void {
    this.#record = { ...this.#record, ...fields };
  }
}

/** Receives the redirect that ends the user's part of the login. */
class CallbackServer implements AsyncDisposable {
  /** Identifies the login in the redirect. */
  readonly state = crypto.randomUUID();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #code = Promise.withResolvers<string>();

  constructor(port = 0) {
    // It may be refused before anybody waits for it.
    this.#code.promise.catch(() => {});
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port, onListen: () => {} },
      (request) => this.#answer(new URL(request.url)),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/callback`;
  }

  /** Resolves with the authorization code. @throws {Error} if the authorization server refused. */
  get code(): Promise<string> {
    return this.#code.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  #answer({ pathname, searchParams }: URL): Response {
    if (pathname !== "/callback") return new Response("Not found", { status: 404 });
    // Without the state it is not the answer to this login.
    if (searchParams.get("state") !== this.state) {
      return new Response("This is not the login that is in progress.", { status: 400 });
    }
    const code = searchParams.get("code");
    if (code !== null) {
      this.#code.resolve(code);
      return new Response("Logged in. You can close this window.");
    }
    const error = searchParams.get("error_description") ?? searchParams.get("error") ?? "no code";
    this.#code.reject(new Error(`the authorization server refused: ${error}`));
    return new Response("The login was refused. You can close this window.", { status: 400 });
  }
}
