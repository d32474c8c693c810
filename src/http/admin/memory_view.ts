/** What is remembered of a user, looked at and forgotten: for the admin interface and the terminal. */

import { isoTime } from "../../lib/iso_time.ts";
import * as z from "zod";
import type { Memory } from "../../memory/port.ts";
import type { UserMemory } from "../../memory/user_memory.ts";

/** Whose memories are meant: `PLATFORM:ID`, a colon in the platform's name as `%3A`. */
const user = z.string().regex(/^[^:]+:./, "must be PLATFORM:ID");
const limit = z.coerce.number().int().min(1).max(10_000).default(100);
/** Most memories that are looked through for a text. */
const maxLookedThrough = 10_000;

/** Which memories are to be listed. */
export const listQuery = z.object({ user, limit });

/** Which memories are looked for. */
export const searchQuery = z.object({ user, limit, query: z.string().min(1) });

/** Which memories are to be forgotten: one, those that hold a text, or all. */
export const forgetBody = z.union([
  z.strictObject({ user, id: z.string().min(1) }),
  z.strictObject({ user, text: z.string().trim().min(1) }),
  z.strictObject({ user, all: z.literal(true) }),
]);

/** A memory as it is listed. */
export function memoryView({ id, text, private: secret, channelKey, createdAt }: Memory) {
  return {
    id,
    text,
    private: secret,
    channel: channelKey ?? null,
    created_at: createdAt === undefined ? null : isoTime(createdAt),
  };
}

/** Looks for memories as a turn in a direct message would. @throws {MemoryError} */
export async function searchMemories(
  { backend }: Pick<UserMemory, "backend">,
  { user: userKey, query, limit }: z.output<typeof searchQuery>,
  signal: AbortSignal,
): Promise<readonly Memory[]> {
  return await backend.search({ userKey, includePrivate: true, query, limit, signal });
}

/** Forgets; gives how many memories that were. @throws {MemoryError} */
export async function forgetMemories(
  memory: Pick<UserMemory, "backend" | "containing">,
  wanted: z.output<typeof forgetBody>,
  signal: AbortSignal,
): Promise<number> {
  const { user: userKey } = wanted;
  if ("all" in wanted) return await memory.backend.removeAll(userKey);
  if ("id" in wanted) return Number(await memory.backend.remove(userKey, wanted.id));
  const { text } = wanted;
  const found = await memory.containing(userKey, { text, limit: maxLookedThrough, signal });
  let count = 0;
  for (const { id } of found) if (await memory.backend.remove(userKey, id)) count++;
  return count;
}
