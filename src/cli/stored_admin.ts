/** The admin interface's routes on the store of a gateway that does not run. Used by commands. */

import { Hono } from "hono";
import { join } from "node:path";
import { sessionRoutes } from "../admin/session_routes.ts";
import { userRoutes } from "../admin/user_routes.ts";
import { type Flags, readConfig } from "../config.ts";
import { UserEraser } from "../processor/user_eraser.ts";
import { platformKey } from "../protocol/platform_key.ts";
import { SqliteStore } from "../store/sqlite_store.ts";
import { UserFiles } from "../tools/files/user_files.ts";
import { type AdminRequest, answerOf } from "./admin_client.ts";

/**
 * The answer's text.
 *
 * @throws {Error} where there is no store, or with the words of a refusal.
 */
export async function askStored(flags: Flags, { path, method, body }: AdminRequest) {
  const { dataDir } = readConfig(flags);
  try {
    Deno.statSync(join(dataDir, "gateway.db"));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    // Looking must not make a store.
    throw new Error(`No gateway runs, and there is no store in "${dataDir}"`);
  }
  await using store = SqliteStore.open(dataDir);
  const files = new UserFiles({ root: join(dataDir, "files") });
  const app = new Hono();
  app.route(
    "/sessions",
    sessionRoutes({
      ...store,
      endSession: (id) => store.sessions.endById({ id, now: Date.now() }),
    }),
  );
  const eraser = new UserEraser({
    store: store.forget,
    elsewhere: {
      files: ({ platform, userId }) => files.removeAll(platformKey(platform, userId)),
    },
  });
  app.route("/users", userRoutes({ eraser }));
  const response = await app.request(path, { method: method ?? (body ? "POST" : "GET") });
  return await answerOf(response);
}
