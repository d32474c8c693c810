/**
 * `GET /health`: whether the gateway works and how busy it is; for admins also what its models cost. It
 * shows no secrets and no names of users.
 */

import { Hono } from "hono";
import type { AdminGate } from "../access/admin_gate.ts";
import { errorText } from "../lib/error_text.ts";
import type { HookFigures } from "../automation/hooks/runner.ts";
import { logger } from "../logging/log.ts";
import type { MemoryFigures } from "../memory/user_memory.ts";
import type { Tier } from "../domain/message.ts";
import type { RouterFigures } from "../queue/router.ts";
import type { TaskFigures } from "../automation/scheduler/scheduler.ts";
import type { StoreFigures } from "../store/store.ts";
import { version } from "../config/version.ts";
import type { AdapterSession } from "../server/adapter_session.ts";

const log = logger("http", "health");

/** Values that accompany each request. */
interface HealthBindings {
  readonly Bindings: {
    /** The peer's address. */
    readonly address: string;
  };
}

/** The sources of the figures. */
export interface HealthOptions {
  /** Tokens and costs, for admins. */
  readonly usage: () => Promise<unknown>;
  readonly gate: Pick<AdminGate, "check" | "hasSecret">;
  readonly llm: { readonly kind: string; modelOf(tier: Tier): string };
  readonly store: { figures(): Promise<StoreFigures> };
  readonly router: { figures(): RouterFigures };
  readonly adapters: { connected(): readonly AdapterSession[] };
  readonly hooks: { figures(): HookFigures };
  readonly scheduler: { figures(): TaskFigures };
  readonly memory: { figures(): Promise<MemoryFigures> };
  readonly uptimeSeconds: () => number;
  readonly stopping: () => boolean;
}

/** Creates the routes `/health`, `/` and `/ws`. */
export function healthApp(options: HealthOptions): Hono<HealthBindings> {
  const app = new Hono<HealthBindings>();
  app.get("/health", async (context) => {
    const figures = Promise.all([options.store.figures(), options.memory.figures()]);
    const [store, memory] = await figures.catch((error) => {
      log.error("Cannot read the store: {error}", { error: errorText(error) });
      return [];
    });
    const status = !store ? "error" : options.stopping() ? "stopping" : "ok";
    const { llm } = options;
    return context.json({
      status,
      version,
      pid: Deno.pid,
      uptime_seconds: options.uptimeSeconds(),
      llm: { kind: llm.kind, model: llm.modelOf("mid") },
      store: store ?? { error: "does not answer; see the log" },
      adapters: adapterFigures(options.adapters.connected()),
      queue: options.router.figures(),
      hooks: options.hooks.figures(),
      tasks: options.scheduler.figures(),
      ...await usageFigures(options, context.req.raw.headers, context.env.address),
      memory,
    }, status === "ok" ? 200 : 503);
  });
  app.get("/", (context) =>
    context.json({
      name: "clara-gateway",
      version,
      websocket: "connect here (or to /ws) with a WebSocket",
      health: "/health",
    }));
  app.get("/ws", (context) => context.text("Connect with a WebSocket.\n", 426));
  app.notFound((context) => context.json({ error: "not found" }, 404));
  return app;
}

/** Tokens and costs for admins. A request without a secret is not rejected; it gets the other figures. */
async function usageFigures({ usage, gate }: HealthOptions, headers: Headers, address: string) {
  if (gate.hasSecret && !headers.has("authorization")) return {};
  if (gate.check(headers, address).type !== "ok") return {};
  try {
    return { usage: await usage() };
  } catch {
    // The response says already that the store does not answer.
    return {};
  }
}

function adapterFigures(sessions: readonly AdapterSession[]) {
  const platforms: Record<string, number> = {};
  for (const { identity: { platform } } of sessions) {
    platforms[platform] = (platforms[platform] ?? 0) + 1;
  }
  return { connected: sessions.length, platforms };
}
