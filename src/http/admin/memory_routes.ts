/** `/admin/memory`: what is remembered of a user, and forgetting it. */

import { Hono } from "hono";
import type * as z from "zod";
import { MemoryError } from "../../memory/port.ts";
import type { UserMemory } from "../../memory/user_memory.ts";
import { readWith } from "../../tools/tool.ts";
import {
  forgetBody,
  forgetMemories,
  listQuery,
  memoryView,
  searchMemories,
  searchQuery,
} from "./memory_view.ts";

/** What these routes are given. */
export interface MemoryRoutesOptions {
  readonly memory: Pick<UserMemory, "backend" | "containing">;
}

export function memoryRoutes({ memory }: MemoryRoutesOptions): Hono {
  const app = new Hono();
  // Nobody gives up: each request to mem0 ends within its time.
  const { signal } = new AbortController();
  app.get("/", async (context) => {
    const query = readWith(listQuery, context.req.query());
    if ("problem" in query) return context.json({ error: query.problem }, 400);
    const { user, limit } = query.value as z.output<typeof listQuery>;
    const found = await memory.backend.list(user, { limit, signal: signal });
    return context.json({ memories: found.map(memoryView) });
  });
  app.get("/search", async (context) => {
    const query = readWith(searchQuery, context.req.query());
    if ("problem" in query) return context.json({ error: query.problem }, 400);
    const wanted = query.value as z.output<typeof searchQuery>;
    const found = await searchMemories(memory, wanted, signal);
    return context.json({ memories: found.map(memoryView) });
  });
  app.post("/forget", async (context) => {
    const body = readWith(forgetBody, await context.req.json().catch(() => ({})));
    if ("problem" in body) return context.json({ error: body.problem }, 400);
    const wanted = body.value as z.output<typeof forgetBody>;
    return context.json({
      forgotten: await forgetMemories(memory, wanted, signal),
    });
  });
  app.onError((error, context) => {
    if (!(error instanceof MemoryError)) throw error;
    return context.json({ error: error.message }, 502);
  });
  return app;
}
