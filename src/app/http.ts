/**
 * Everything that is answered over HTTP: /health and the admin interface. The code is loaded with the
 * first HTTP request, so that adapters can connect without it.
 */

import type { AdminOptions } from "../http/admin/app.ts";
import type { HealthOptions } from "../http/health.ts";

/** Options of {@linkcode lazyHttpHandler}. */
export interface HttpHandlerOptions {
  readonly health: Omit<HealthOptions, "usage">;
  readonly admin: AdminOptions;
}

/** Answers a request; `address` is the peer's. */
export type HttpHandler = (request: Request, address: string) => Response | Promise<Response>;

/** A handler that loads its routes when it is first called. */
export function lazyHttpHandler(options: HttpHandlerOptions): HttpHandler {
  let loading: Promise<HttpHandler> | undefined;
  return async (request, address) => {
    const handle = await (loading ??= loadRoutes(options));
    return handle(request, address);
  };
}

async function loadRoutes({ health, admin }: HttpHandlerOptions): Promise<HttpHandler> {
  const [{ healthApp }, { adminApp }, { usageOfDay }] = await Promise.all([
    import("../http/health.ts"),
    import("../http/admin/app.ts"),
    import("../http/admin/usage.ts"),
  ]);
  const usage = () => usageOfDay(admin.usage, Date.now());
  const app = healthApp({ ...health, usage }).route("/admin", adminApp(admin));
  return (request, address) => app.fetch(request, { address });
}
