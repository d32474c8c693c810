/** The admin interface of a running gateway; where none runs, its routes on the store. */

import { Hono } from "hono";
import { join } from "node:path";
import { sessionRoutes } from "../../http/admin/sessions.ts";
import { userRoutes } from "../../http/admin/users.ts";
import { type Flags, readConfig } from "../../config/config.ts";
import { errorText } from "../../lib/error_text.ts";
import { UserMemory } from "../../memory/user_memory.ts";
import { UserEraser } from "../../sessions/user_eraser.ts";
import { platformKey } from "../../domain/keys.ts";
import { UserFiles } from "../../tools/files/user_files.ts";
import { type AdminRequest, answerOf, askAdminText, ifRunning } from "./admin_client.ts";
import { openExisting } from "./existing_store.ts";
import { NotRunningError } from "./locator.ts";

/**
 * The answer's text.
 *
 * @throws {NotRunningError} where there is no store either; {@linkcode AdminError} for a refusal.
 */
export function queryGatewayOrStore(flags: Flags, request: AdminRequest): Promise<string> {
  return ifRunning(() => askAdminText(flags, request), () => askStored(flags, request));
}

async function askStored(flags: Flags, { path, method, body }: AdminRequest): Promise<string> {
  const config = readConfig(flags);
  const { dataDir } = config;
  await using store = openExisting(dataDir);
  if (!store) throw new NotRunningError(`No gateway runs, and there is no store in "${dataDir}"`);
  await using memory = new UserMemory(config, { store });
  const files = new UserFiles({ root: join(dataDir, "files") });
  const app = new Hono();
  app.onError((error, context) => context.json({ error: errorText(error) }, 500));
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
      // mem0 keeps what it has learned whether a gateway runs or not.
      elsewhere: ({ platform, userId }) => memory.backend.removeAll(platformKey(platform, userId)),
    },
  });
  app.route("/users", userRoutes({ eraser }));
  // Hono's own answer would hide what the store says; the command line tells it.
  app.onError((error) => {
    throw error;
  });
  const response = await app.request(path, { method: method ?? (body ? "POST" : "GET") });
  return await answerOf(response);
}
