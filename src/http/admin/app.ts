/**
 * The admin interface: HTTP under `/admin`, for those who know the secret. The command line and
 * scripts use it; the gateway mounts it beside /health.
 */

import { Hono } from "hono";
import type { AdminGate } from "../../access/admin_gate.ts";
import { errorText } from "../../lib/error_text.ts";
import { StoreError } from "../../domain/errors.ts";
import { logger } from "../../logging/log.ts";
import { hookRoutes, type HookRoutesOptions } from "./hook_routes.ts";
import { memoryRoutes, type MemoryRoutesOptions } from "./memory_routes.ts";
import { sessionRoutes, type SessionRoutesOptions } from "./session_routes.ts";
import { taskRoutes, type TaskRoutesOptions } from "./task_routes.ts";
import { usageRoutes, type UsageRoutesOptions } from "./usage_routes.ts";
import { userRoutes, type UserRoutesOptions } from "./user_routes.ts";

const log = logger("http", "admin");
const audit = logger("admin", "audit");

/** What comes with each request beside itself. */
export interface RequestBindings {
  readonly Bindings: {
    /** Where the peer is. */
    readonly address: string;
  };
}

/** What the admin interface is given. */
export interface AdminOptions
  extends
    HookRoutesOptions,
    TaskRoutesOptions,
    UsageRoutesOptions,
    MemoryRoutesOptions,
    SessionRoutesOptions,
    UserRoutesOptions {
  readonly gate: AdminGate;
  /** Reads the files again; gives what is wrong with them. */
  readonly reload: () => Promise<readonly string[]>;
}

/** Where people's messages and memories are shown. */
const personal = /^\/admin\/(?:sessions|memory)\b/;

const refusals = {
  forbidden: [
    403,
    "This takes a secret of scope admin; without any secret, a program on this machine, or a web page " +
    "that CLARA_ALLOWED_ORIGINS names.",
  ],
  unauthorized: [401, 'Wrong or no secret. Send it as "Authorization: Bearer …".'],
  rate_limited: [429, "Too many wrong secrets. Wait a minute."],
} as const;

/** The routes, to be mounted at `/admin`. */
export function adminApp(options: AdminOptions): Hono<RequestBindings> {
  const app = new Hono<RequestBindings>();
  app.use(async (context, next) => {
    const { method, path, raw } = context.req;
    const { address } = context.env;
    const access = options.gate.check(raw.headers, address);
    if (access.type === "ok") {
      await next();
      // What changes something, or shows what people said, is on record: who, from where, what, with what
      // success.
      const { status } = context.res;
      const line = { who: access.who, method, path, address, status };
      const text = "{who} from {address}: {method} {path}, {status}";
      if (method === "GET" && !personal.test(path)) log.debug(text, line);
      else audit.info(text, line);
      return;
    }
    const [status, message] = refusals[access.type];
    audit.warn("Refused {method} {path} from {address}: {why}", {
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
