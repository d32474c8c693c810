/** Answers admin requests from the store, for commands that find no running gateway. */

import { Hono } from "hono";
import { join } from "node:path";
import type { GatewayConfig } from "../../config/gateway_config.ts";
import { platformKey } from "../../domain/keys.ts";
import { memoryRoutes } from "../../http/admin/memory.ts";
import { listRuns } from "../../http/admin/runs.ts";
import { sessionRoutes } from "../../http/admin/sessions.ts";
import { usageRoutes } from "../../http/admin/usage.ts";
import { userRoutes } from "../../http/admin/users.ts";
import { errorText } from "../../lib/error_text.ts";
import { MemoryError } from "../../memory/port.ts";
import { UserMemory } from "../../memory/user_memory.ts";
import { UserEraser } from "../../sessions/user_eraser.ts";
import { openExistingStore, openStore } from "../../store/open_store.ts";
import type { Store } from "../../store/store.ts";
import { UserFiles } from "../../tools/user_files.ts";
import { NotRunningError } from "./location.ts";

/** The answers if there is no store. */
const emptyAnswers: readonly (readonly [path: RegExp, answer: object])[] = [
  [/^\/(?:hooks|tasks)\/results\b/, { results: [] }],
  [/^\/memory\b/, { memories: [], forgotten: 0 }],
  [/^\/usage\b/, { rows: [] }],
];

/**
 * Answers a request as the gateway of these settings would. Its URL has the path under `/admin`.
 *
 * @throws {NotRunningError} if there is no store and the request needs one.
 * @throws {StoreError} if the store cannot be opened or used.
 */
export async function answerFromStore(
  config: GatewayConfig,
  request: Request,
): Promise<Response> {
  const { dataDir, memory } = config;
  const { pathname } = new URL(request.url);
  const usesMem0 = memory.kind === "mem0" && pathname.startsWith("/memory");
  await using store = await openExistingStore({ dataDir }) ??
    (usesMem0 ? await openStore({ dataDir }) : undefined);
  if (!store) {
    const empty = emptyAnswers.find(([path]) => path.test(pathname));
    if (empty) return Response.json(empty[1]);
    throw new NotRunningError(`No gateway is running, and there is no store in "${dataDir}"`);
  }
  await using userMemory = new UserMemory(config, { store });
  const app = adminApp(store, { memory: userMemory, dataDir });
  const response = await app.request(request);
  // An export is read from the store while its body is streamed.
  return new Response(await response.text(), response);
}

function adminApp(
  store: Store,
  { memory, dataDir }: { readonly memory: UserMemory; readonly dataDir: string },
): Hono {
  const app = new Hono();
  const endSession = (id: string) => store.sessions.endById({ id, now: Date.now() });
  app.route("/sessions", sessionRoutes({ ...store, endSession }));
  app.route("/users", userRoutes({ eraser: userEraser(store, { memory, dataDir }) }));
  app.route("/memory", memoryRoutes({ memory }));
  app.route("/usage", usageRoutes(store));
  app.get("/hooks/results", listRuns(store.runs, "hook"));
  app.get("/tasks/results", listRuns(store.runs, "task"));
  app.onError((error, context) => {
    // Hono would hide the message of a store error; the command line prints it.
    if (!(error instanceof MemoryError)) throw error;
    return context.json({ error: errorText(error) }, 502);
  });
  return app;
}

function userEraser(
  store: Store,
  { memory, dataDir }: { readonly memory: UserMemory; readonly dataDir: string },
): UserEraser {
  const files = new UserFiles({ root: join(dataDir, "files") });
  return new UserEraser({
    store: store.forget,
    elsewhere: {
      files: ({ platform, userId }) => files.removeAll(platformKey(platform, userId)),
      // mem0 keeps what it has learned whether or not a gateway is running.
      elsewhere: ({ platform, userId }) => memory.backend.removeAll(platformKey(platform, userId)),
    },
  });
}
