/** Asks what listens at an address whether it is a gateway, and how it is. Used by several commands. */

/** What a gateway says of itself on `/health`, as far as the commands look at it. */
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

/** Undefined where no Clara gateway listens, or it does not answer in time. */
export async function askHealth(
  address: string,
  { timeoutMs = 3_000 }: { readonly timeoutMs?: number } = {},
): Promise<Health | undefined> {
  try {
    const health = JSON.parse(await textAt(`http://${reachable(address)}/health`, timeoutMs));
    const ours = typeof health?.status === "string" && "uptime_seconds" in health &&
      "adapters" in health;
    return ours ? health : undefined;
  } catch {
    return undefined;
  }
}

/** Where to connect to what listens at this address: one that means all addresses is none. */
export function reachable(address: string): string {
  return address.replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:");
}

/** Not with `fetch`: that would ask a proxy of the environment for the way to this machine. */
async function textAt(url: string, timeoutMs: number): Promise<string> {
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
