/**
 * All that is answered over HTTP: /health and the admin interface. Loaded with the first request that is
 * no WebSocket, so that adapters get in without it. A part of the gateway's wiring, used by it alone.
 */

import { adminApp, type AdminOptions } from "../http/admin/app.ts";
import { usageOfDay } from "../http/admin/usage_routes.ts";
import { healthApp, type HealthOptions } from "../http/health.ts";

/** What {@linkcode httpApps} is given. */
export interface HttpAppsOptions {
  readonly health: Omit<HealthOptions, "usage">;
  readonly admin: AdminOptions;
}

/** Answers a request; `address` is the peer's. */
export type HttpApps = (request: Request, address: string) => Response | Promise<Response>;

export function httpApps({ health, admin }: HttpAppsOptions): HttpApps {
  const usage = () => usageOfDay(admin.usage, Date.now());
  const app = healthApp({ ...health, usage }).route("/admin", adminApp(admin));
  return (request, address) => app.fetch(request, { address });
}
