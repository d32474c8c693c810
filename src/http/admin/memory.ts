/** `/admin/memory`: lists, searches and deletes what is remembered about a user. */

import { Hono } from "hono";
import * as z from "zod";
import { isoTime } from "../../lib/iso_time.ts";
import { parseWith } from "../../lib/schema.ts";
import { type Memory, MemoryError } from "../../memory/port.ts";
import type { UserMemory } from "../../memory/user_memory.ts";

/** Options of {@linkcode memoryRoutes}. */
export interface MemoryRoutesOptions {
  readonly memory: Pick<UserMemory, "backend" | "containing">;
}

/** The user's key `PLATFORM:ID`; a colon in the platform's name is written as `%3A`. */
const user = z.string().regex(/^[^:]+:./, "must be PLATFORM:ID");
const limit = z.coerce.number().int().min(1).max(10_000).default(100);
/** How many memories are searched for a text to delete. */
const maxSearched = 10_000;

const listQuery = z.object({ user, limit });

const searchQuery = z.object({ user, limit, query: z.string().min(1) });

/** Which memories to delete: one, those that contain a text, or all. */
const forgetBody = z.union([
  z.strictObject({ user, id: z.string().min(1) }),
  z.strictObject({ user, text: z.string().trim().min(1) }),
  z.strictObject({ user, all: z.literal(true) }),
]);

export function memoryRoutes({ memory }: MemoryRoutesOptions): Hono {
  const app = new Hono();
  // Never aborted: requests to mem0 have their own time limit.
  const { signal } = new AbortController();
  app.get("/", async (context) => {
    const query = parseWith(listQuery, context.req.query());
    if ("problem" in query) return context.json({ error: query.problem }, 400);
    const { user, limit } = query.value;
    const found = await memory.backend.list(user, { limit, signal });
    return context.json({ memories: found.map(memoryView) });
  });
  app.get("/search", async (context) => {
    const query = parseWith(searchQuery, context.req.query());
    if ("problem" in query) return context.json({ error: query.problem }, 400);
    const found = await searchMemories(memory, query.value, signal);
    return context.json({ memories: found.map(memoryView) });
  });
  app.post("/forget", async (context) => {
    const body = parseWith(forgetBody, await context.req.json().catch(() => ({})));
    if ("problem" in body) return context.json({ error: body.problem }, 400);
    return context.json({ forgotten: await forgetMemories(memory, body.value, signal) });
  });
  app.onError((error, context) => {
    if (!(error instanceof MemoryError)) throw error;
    return context.json({ error: error.message }, 502);
  });
  return app;
}

/** The JSON of a memory. */
export function memoryView({ id, text, private: secret, channelKey, createdAt }: Memory) {
  return {
    id,
    text,
    private: secret,
    channel: channelKey ?? null,
    created_at: createdAt === undefined ? null : isoTime(createdAt),
  };
}

/** Searches as a turn in a direct message does. @throws {MemoryError} */
export async function searchMemories(
  { backend }: Pick<UserMemory, "backend">,
  { user: userKey, query, limit }: z.output<typeof searchQuery>,
  signal: AbortSignal,
): Promise<readonly Memory[]> {
  return await backend.search({ userKey, includePrivate: true, query, limit, signal });
}

/** Deletes memories and returns their number. @throws {MemoryError} */
export async function forgetMemories(
  memory: Pick<UserMemory, "backend" | "containing">,
  target: z.output<typeof forgetBody>,
  signal: AbortSignal,
): Promise<number> {
  const { user: userKey } = target;
  if ("all" in target) return await memory.backend.removeAll(userKey);
  if ("id" in target) return Number(await memory.backend.remove(userKey, target.id));
  const { text } = target;
  const found = await memory.containing(userKey, { text, limit: maxSearched, signal });
  let count = 0;
  for (const { id } of found) if (await memory.backend.remove(userKey, id)) count++;
  return count;
}
