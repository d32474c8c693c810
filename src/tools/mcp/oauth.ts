/**
 * OAuth for MCP servers over HTTP, by the SDK's client: stores the tokens of a login, adds them to
 * requests, and refreshes them. The login itself is in `login.ts`.
 */

import type { OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js";
import { join } from "node:path";
import { errorText } from "../../lib/error_text.ts";
import { hideFromLog } from "../../logging/log.ts";
import { cappedFetch, type Fetch } from "./http_transport.ts";
import { isObject } from "./json_rpc.ts";

/** Time limit of a request to an authorization server, milliseconds. */
const requestTimeoutMs = 30_000;

/** What is stored of a login. The SDK defines the content of the objects. */
export interface OAuthRecord {
  /** The server that the login is for. */
  readonly url: string;
  readonly client?: Readonly<Record<string, unknown>>;
  readonly tokens?: OAuthTokens;
  /** The authorization server, as discovered. */
  readonly discovery?: Readonly<Record<string, unknown>>;
  /** The scope that the server asked for last. */
  readonly scope?: string;
}

/** Tokens as the authorization server returned them. */
export interface OAuthTokens {
  readonly access_token: string;
  readonly refresh_token?: string;
  readonly [field: string]: unknown;
}

/** The server can be used only after a login, or a new one. */
export class LoginRequiredError extends Error {
  override readonly name = "LoginRequiredError";

  constructor(server: string, why?: string) {
    super(
      `login required${why ? ` (${why})` : ""}: run "clara-gateway mcp login ${server}"`,
    );
  }
}

/** The stored logins, one private file per server. */
export class OAuthStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The login of a server; undefined if there is none, or it is for another URL. */
  read(server: string, url: string): OAuthRecord | undefined {
    let json: unknown;
    try {
      json = JSON.parse(Deno.readTextFileSync(this.#path(server)));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
      throw error;
    }
    if (!isObject(json) || json.url !== url) return undefined;
    const record = json as unknown as OAuthRecord;
    const { access_token, refresh_token } = record.tokens ?? {};
    hideFromLog([access_token ?? "", refresh_token ?? ""]);
    return record;
  }

  write(server: string, record: OAuthRecord): void {
    const path = this.#path(server);
    const temporary = `${path}.${crypto.randomUUID()}.tmp`;
    Deno.mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    Deno.writeTextFileSync(temporary, JSON.stringify(record), { mode: 0o600 });
    Deno.renameSync(temporary, path);
  }

  /** Deletes the login of a server; false if there is none. */
  remove(server: string): boolean {
    try {
      Deno.removeSync(this.#path(server));
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  #path(server: string): string {
    return join(this.#folder, `${server}.json`);
  }
}

/** Options of an {@linkcode OAuthSession}. */
export interface OAuthSessionOptions {
  /** The name of the server. */
  readonly server: string;
  readonly url: URL;
  readonly store: OAuthStore;
}

/** The SDK's functions; its types are inferred in a way that Deno resolves to `any`. */
type SdkAuth = (
  provider: OAuthClientProvider,
  options: {
    readonly serverUrl: string;
    readonly authorizationCode?: string;
    readonly scope?: string;
    readonly resourceMetadataUrl?: URL;
    readonly fetchFn: Fetch;
  },
) => Promise<"AUTHORIZED" | "REDIRECT">;

/** What a refusal says about the login that it requires. */
export interface OAuthChallenge {
  readonly resourceMetadataUrl?: URL;
  readonly scope?: string;
  readonly error?: string;
}

/** Loads the SDK's OAuth client. */
export async function loadOAuth(): Promise<{
  readonly auth: SdkAuth;
  readonly extractWWWAuthenticateParams: (response: Response) => OAuthChallenge;
}> {
  return await import("@modelcontextprotocol/sdk/client/auth.js");
}

/** The name and abilities that the gateway registers with. */
export function clientMetadata(redirectUrl: string) {
  return {
    client_name: "Clara gateway",
    redirect_uris: [redirectUrl],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };
}

/** Authorizes the requests of one connection with the stored tokens. */
export class OAuthSession {
  readonly #options: OAuthSessionOptions;
  /** The running refresh. A refresh token can often be used only once, so requests share it. */
  #refreshing?: Promise<void>;
  #loginRequired?: LoginRequiredError;

  constructor(options: OAuthSessionOptions) {
    this.#options = options;
  }

  /** Set once a request was refused and only a login can help. */
  get loginRequired(): LoginRequiredError | undefined {
    return this.#loginRequired;
  }

  /** Wraps a fetch. The result throws {@linkcode LoginRequiredError}. */
  authorize(fetch: Fetch): Fetch {
    return async (input, init) => {
      const token = this.#read()?.tokens?.access_token;
      const response = await fetch(input, withToken(init, token));
      const challenge = await this.#challengeOf(response);
      if (!challenge) return response;
      const why = await response.text().catch(() => "");
      if (challenge.error === "insufficient_scope") {
        this.#update({ scope: challenge.scope });
        throw this.#fail(`the server requires the scope "${challenge.scope ?? "(unknown)"}"`);
      }
      if (token === undefined) throw this.#fail(`HTTP 401${why && `: ${why.slice(0, 200)}`}`);
      await this.#refresh(token, challenge);
      const second = await fetch(input, withToken(init, this.#read()?.tokens?.access_token));
      if (second.status !== 401) return second;
      await second.body?.cancel();
      throw this.#fail("the server refused a new token");
    };
  }

  #read(): OAuthRecord | undefined {
    const { store, server, url } = this.#options;
    return store.read(server, url.href);
  }

  #update(fields: Partial<OAuthRecord>): void {
    const { store, server, url } = this.#options;
    store.write(server, { ...this.#read(), ...fields, url: url.href });
  }

  #fail(why: string): LoginRequiredError {
    return this.#loginRequired ??= new LoginRequiredError(this.#options.server, why);
  }

  /** Undefined if a login would not help. */
  async #challengeOf(response: Response): Promise<OAuthChallenge | undefined> {
    if (response.status !== 401 && response.status !== 403) return undefined;
    const scheme = response.headers.get("www-authenticate")?.trim().split(/[\s,]/)[0];
    if (scheme && scheme.toLowerCase() !== "bearer") return undefined;
    const { extractWWWAuthenticateParams } = await loadOAuth();
    const challenge = extractWWWAuthenticateParams(response);
    const { status } = response;
    return status === 401 || challenge.error === "insufficient_scope" ? challenge : undefined;
  }

  async #refresh(usedToken: string, challenge: OAuthChallenge): Promise<void> {
    // Another request, or another process, may have refreshed it in the meantime.
    if (this.#read()?.tokens?.access_token !== usedToken) return;
    await (this.#refreshing ??= this.#runRefresh(challenge).finally(() =>
      this.#refreshing = undefined
    ));
  }

  async #runRefresh(challenge: OAuthChallenge): Promise<void> {
    const { auth } = await loadOAuth();
    const used = this.#read()?.tokens?.refresh_token;
    let outage: string | undefined;
    const fetchFn: Fetch = async (input, init) => {
      try {
        const response = await authorizationFetch(input, init);
        if (response.status >= 500) outage = `HTTP ${response.status} from ${input}`;
        return response;
      } catch (error) {
        outage = errorText(error);
        throw error;
      }
    };
    const provider = this.#provider({ used, outage: () => outage });
    await auth(provider, { ...challenge, serverUrl: this.#options.url.href, fetchFn });
  }

  /** A provider that refreshes tokens, and cannot log in. */
  #provider(
    { used, outage }: {
      readonly used: string | undefined;
      readonly outage: () => string | undefined;
    },
  ): OAuthClientProvider {
    const redirectUrl = "http://127.0.0.1/callback";
    return {
      redirectUrl,
      clientMetadata: clientMetadata(redirectUrl),
      clientInformation: () => this.#read()?.client,
      tokens: () => this.#read()?.tokens,
      saveTokens: (tokens: OAuthTokens) => this.#update({ tokens }),
      discoveryState: () => this.#read()?.discovery,
      saveDiscoveryState: (discovery: OAuthRecord["discovery"]) => this.#update({ discovery }),
      invalidateCredentials: (scope: string) => {
        if (scope === "discovery") this.#update({ discovery: undefined });
        // Another process may have refreshed the tokens, which invalidates the used one.
        else if (this.#read()?.tokens?.refresh_token === used) this.#update({ tokens: undefined });
      },
      saveCodeVerifier: () => {},
      codeVerifier: () => "",
      // The SDK comes here if it could not refresh the tokens.
      redirectToAuthorization: () => {
        const why = outage();
        if (why) throw new Error(`Cannot refresh the login: ${why}`);
        throw this.#fail("the login has expired");
      },
    } as unknown as OAuthClientProvider;
  }
}

/**
 * A fetch for authorization servers. Reads whole responses, because the SDK leaves the bodies of refusals
 * unread, which would keep their connections.
 */
export const authorizationFetch: Fetch = async (input, init) => {
  const signal = init?.signal ?? AbortSignal.timeout(requestTimeoutMs);
  const response = await limitedFetch(input, { ...init, signal });
  if (!response.body) return response;
  const { status, statusText, headers } = response;
  return new Response(await response.text(), { status, statusText, headers });
};

const limitedFetch = cappedFetch(1_048_576);

function withToken(init: RequestInit | undefined, token: string | undefined): RequestInit {
  const headers = new Headers(init?.headers);
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  return { ...init, headers };
}
