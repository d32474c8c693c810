/** `/admin/users`: deletion of all that is kept of a user. */

import { Hono } from "hono";
import { logger } from "../../logging/log.ts";
import type { UserEraser } from "../../sessions/user_eraser.ts";
import { parsePlatformKey } from "../../domain/keys.ts";

const log = logger("http", "admin");

/** What these routes are given. */
export interface UserRoutesOptions {
  readonly eraser: Pick<UserEraser, "erase">;
}

export function userRoutes({ eraser }: UserRoutesOptions): Hono {
  const app = new Hono();
  app.delete("/:user", async (context) => {
    const user = context.req.param("user");
    const key = parsePlatformKey(user);
    if (!key) {
      const error = `Cannot delete user ${JSON.stringify(user)}: expected PLATFORM:ID`;
      return context.json({ error }, 400);
    }
    const erasure = await eraser.erase({ platform: key.platform, userId: key.id });
    if (erasure.type === "busy") {
      const error = `Cannot delete the user: ${erasure.requests} requests do not end, though ` +
        "they were cancelled. Try again later.";
      return context.json({ error }, 409);
    }
    // Whose data it was is not kept either.
    log.info("Deleted all that was kept of a user: {counts}", { counts: erasure.counts });
    return context.json({ deleted: erasure.counts });
  });
  return app;
}
