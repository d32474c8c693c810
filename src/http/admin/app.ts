/** The admin interface: HTTP under `/admin`, for the command line and scripts. */

import { Hono } from "hono";
import type { AdminGate } from "../../access/admin_gate.ts";
import { errorText } from "../../lib/error_text.ts";
import { StoreError } from "../../domain/errors.ts";
import { logger } from "../../logging/log.ts";
import { hookRoutes, type HookRoutesOptions } from "./hooks.ts";
import { memoryRoutes, type MemoryRoutesOptions } from "./memory.ts";
import { sessionRoutes, type SessionRoutesOptions } from "./sessions.ts";
import { taskRoutes, type TaskRoutesOptions } from "./tasks.ts";
import { usageRoutes, type UsageRoutesOptions } from "./usage.ts";
import { userRoutes, type UserRoutesOptions } from "./users.ts";

const log = logger("http", "admin");
const audit = logger("admin", "audit");

/** Values that accompany each request. */
export interface RequestBindings {
  readonly Bindings: {
    /** The peer's address. */
    readonly address: string;
  };
}

/** Options of {@linkcode adminApp}. */
export interface AdminOptions
  extends
    HookRoutesOptions,
    TaskRoutesOptions,
    UsageRoutesOptions,
    MemoryRoutesOptions,
    SessionRoutesOptions,
    UserRoutesOptions {
  readonly gate: AdminGate;
  /** Reads the configuration files again. Resolves with what is wrong with them. */
  readonly reload: () => Promise<readonly string[]>;
}

/** Paths that show what people said. */
const personal = /^\/admin\/(?:sessions|memory)\b/;

const refusals = {
  forbidden: [
    403,
    "This requires a secret of scope admin. If no secret is set, only programs on this machine and web " +
    "pages listed in CLARA_ALLOWED_ORIGINS have access.",
  ],
  unauthorized: [401, 'Wrong or missing secret. Send it as "Authorization: Bearer …".'],
  rate_limited: [429, "Too many wrong secrets. Wait a minute."],
} as const;

/** Creates the routes, to be mounted at `/admin`. */
export function adminApp(options: AdminOptions): Hono<RequestBindings> {
  const app = new Hono<RequestBindings>();
  app.use(async (context, next) => {
    const { method, path, raw } = context.req;
    const { address } = context.env;
    const access = options.gate.check(raw.headers, address);
    if (access.type === "ok") {
      await next();
      // Requests that change something or show what people said are audited.
      const { status } = context.res;
      const line = { who: access.who, method, path, address, status };
      const text = "{who} from {address}: {method} {path}, {status}";
      if (method === "GET" && !personal.test(path)) log.debug(text, line);
      else audit.info(text, line);
      return;
    }
    const [status, message] = refusals[access.type];
    audit.warn("Rejected {method} {path} from {address}: {why}", {
      method,
      path,
      address,
      why: access.type,
    });
    return context.json({ error: message }, status);
  });
  app.route("/hooks", hookRoutes(options));
  app.route("/tasks", taskRoutes(options));
  app.route("/usage", usageRoutes(options));
  app.route("/memory", memoryRoutes(options));
  app.route("/sessions", sessionRoutes(options));
  app.route("/users", userRoutes(options));
  app.post("/reload", async (context) => {
    const problems = await options.reload();
    return context.json({ problems }, problems.length > 0 ? 422 : 200);
  });
  app.notFound((context) => context.json({ error: "not found" }, 404));
  app.onError((error, context) => {
    log.error("{method} {path} failed: {error}", {
      method: context.req.method,
      path: context.req.path,
      error: errorText(error),
    });
    const message = error instanceof StoreError ? error.message : "internal error";
    return context.json({ error: message }, 500);
  });
  return app;
}
