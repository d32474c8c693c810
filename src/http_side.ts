/**
 * All that is answered over HTTP: /health and the admin interface. Loaded with the first request that is
 * no WebSocket, so that adapters get in without it. A part of the gateway's wiring, used by it alone.
 */

import { adminApp, type AdminOptions } from "./admin/admin_app.ts";
import { usageOfDay } from "./admin/usage_routes.ts";
import { healthApp, type HealthOptions } from "./server/health.ts";

/** What {@linkcode httpSide} is given. */
export interface HttpSideOptions {
  readonly health: Omit<HealthOptions, "usage">;
  readonly admin: AdminOptions;
}

/** Answers a request; `address` is the peer's. */
export type HttpSide = (request: Request, address: string) => Response | Promise<Response>;

export function httpSide({ health, admin }: HttpSideOptions): HttpSide {
  const usage = () => usageOfDay(admin.usage, Date.now());
  const app = healthApp({ ...health, usage }).route("/admin", adminApp(admin));
  return (request, address) => app.fetch(request, { address });
}
