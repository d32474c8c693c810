/** Asks a gateway for its health. */

/** The parts of `/health` that commands use. */
export interface Health {
  readonly status: string;
  readonly version: string;
  readonly pid?: number;
  readonly uptime_seconds: number;
  readonly llm: { readonly kind: string; readonly model: string };
  readonly store: Readonly<Record<string, unknown>>;
  readonly adapters: {
    readonly connected: number;
    readonly platforms: Readonly<Record<string, number>>;
  };
  readonly queue: Readonly<Record<string, number>>;
}

/** Undefined if no Clara gateway listens at the address, or it does not respond in time. */
export async function fetchHealth(
  address: string,
  { timeoutMs = 3_000 }: { readonly timeoutMs?: number } = {},
): Promise<Health | undefined> {
  try {
    const url = `http://${connectAddress(address)}/health`;
    const health = JSON.parse(await getWithoutProxy(url, timeoutMs));
    const ours = typeof health?.status === "string" && "uptime_seconds" in health &&
      "adapters" in health;
    return ours ? health : undefined;
  } catch {
    return undefined;
  }
}

/** The address to connect to for one to listen on: 0.0.0.0 means all addresses. */
export function connectAddress(address: string): string {
  return address.replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:");
}

/** `fetch` would use the proxy of the environment even for this machine. */
async function getWithoutProxy(url: string, timeoutMs: number): Promise<string> {
  const { get } = await import("node:http");
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const request = get(url, { agent: false }, async (response) => {
    try {
      let text = "";
      for await (const chunk of response.setEncoding("utf8")) text += chunk;
      resolve(text);
    } catch (error) {
      reject(error);
    }
  });
  const timer = setTimeout(() => request.destroy(new Error("no answer in time")), timeoutMs);
  request.on("error", reject);
  return await promise.finally(() => clearTimeout(timer));
}
