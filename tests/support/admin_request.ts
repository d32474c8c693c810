/** Asks a gateway's admin interface as an HTTP client does. Tests use it. */

/** How it is asked. */
export interface AdminRequest {
  /** Default: GET, with a body POST. */
  readonly method?: string;
  readonly secret?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is sent as it is, all else as its JSON. */
  readonly body?: unknown;
}

/** What is listed of a hook, a task or a run. */
export type AdminRow = Readonly<Record<string, unknown>>;

/** An answer's status and body. */
export interface AdminResponse {
  readonly status: number;
  readonly text: string;
  readonly body: {
    readonly error?: string;
    readonly problems?: readonly string[];
    readonly hooks?: readonly AdminRow[];
    readonly tasks?: readonly AdminRow[];
    readonly next?: readonly AdminRow[];
    readonly results?: readonly AdminRow[];
    readonly [field: string]: unknown;
  };
}

/** Asks for a path under `/admin` of the gateway at `httpUrl`. */
export async function askAdmin(
  { httpUrl }: { readonly httpUrl: string },
  path: string,
  { method, secret, headers, body }: AdminRequest = {},
): Promise<AdminResponse> {
  const response = await fetch(`${httpUrl}/admin${path}`, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: { ...(secret && { authorization: `Bearer ${secret}` }), ...headers },
    body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) };
}
