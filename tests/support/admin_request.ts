/** An HTTP client of the admin interface. */

/** Options of a request. */
export interface AdminRequest {
  /** Default: GET, or POST if there is a body. */
  readonly method?: string;
  readonly secret?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is sent as is, anything else as JSON. */
  readonly body?: unknown;
}

/** A listed hook, task or run. */
export type AdminRow = Readonly<Record<string, unknown>>;

/** Status and body of a response. */
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

/** Requests a path under `/admin` of the gateway at `httpUrl`. */
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
