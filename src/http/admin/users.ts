/** `/admin/users`: deletes everything that is stored about a user. */

import { Hono } from "hono";
import { logger } from "../../logging/log.ts";
import type { UserEraser } from "../../sessions/user_eraser.ts";
import { parsePlatformKey } from "../../domain/keys.ts";

const log = logger("http", "admin");

/** Options of {@linkcode userRoutes}. */
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
      const error = `Cannot delete the user: ${erasure.requests} requests are still running, ` +
        "although they were cancelled. Try again later.";
      return context.json({ error }, 409);
    }
    // The log does not say whose data it was.
    log.info("Deleted everything about a user: {counts}", { counts: erasure.counts });
    return context.json({ deleted: erasure.counts });
  });
  return app;
}
