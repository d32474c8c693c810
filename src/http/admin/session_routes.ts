/** `/admin/sessions`: which sessions there are and were, one as a file, and ending one. */

import { isoTime } from "../../lib/iso_time.ts";
import { Hono } from "hono";
import * as z from "zod";
import type { HistoryStore } from "../../store/history_store.ts";
import type { Session, SessionRecord, SessionStore } from "../../store/session_store.ts";
import { readWith } from "../../tools/tool.ts";
import { exportFormats, exportSession, exportTypes } from "./session_export.ts";

/** What these routes are given. */
export interface SessionRoutesOptions {
  readonly sessions: Pick<SessionStore, "list" | "get">;
  readonly history: Pick<HistoryStore, "ofSession">;
  /** Ends a session; undefined where it does not run. */
  readonly endSession: (id: string) => Promise<Session | undefined>;
}

const listQuery = z.object({
  platform: z.string().optional(),
  user: z.string().optional(),
  channel: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(50),
});

const exportQuery = z.object({ format: z.enum(exportFormats).default("jsonl") });

export function sessionRoutes({ sessions, history, endSession }: SessionRoutesOptions): Hono {
  const app = new Hono();
  app.get("/", async (context) => {
    const query = readWith(listQuery, context.req.query());
    if ("problem" in query) return context.json({ error: query.problem }, 400);
    const { platform, user, channel, limit } = query.value as z.output<typeof listQuery>;
    const found = await sessions.list({ platform, userId: user, channelId: channel, limit });
    return context.json({ sessions: found.map(sessionView) });
  });
  app.get("/:id", async (context) => {
    const found = await sessions.get(context.req.param("id"));
    return found ? context.json(sessionView(found)) : context.json(unknown, 404);
  });
  app.get("/:id/export", async (context) => {
    const query = readWith(exportQuery, context.req.query());
    if ("problem" in query) return context.json({ error: query.problem }, 400);
    const { format } = query.value as z.output<typeof exportQuery>;
    const found = await sessions.get(context.req.param("id"));
    if (!found) return context.json(unknown, 404);
    const pieces = exportSession(found, { history, format });
    const body = ReadableStream.from(pieces).pipeThrough(new TextEncoderStream());
    return context.body(body, 200, { "content-type": exportTypes[format] });
  });
  app.post("/:id/end", async (context) => {
    const ended = await endSession(context.req.param("id"));
    if (ended) return context.json({ id: ended.id, ended: true });
    return context.json({ error: "There is no running session of this id" }, 404);
  });
  return app;
}

const unknown = { error: "There is no session of this id" } as const;

/** A session as it is listed. */
function sessionView(session: SessionRecord) {
  return {
    id: session.id,
    platform: session.platform,
    node_id: session.nodeId,
    user_id: session.userId,
    channel_id: session.channelId,
    thread_id: session.threadId || null,
    started_at: isoTime(session.startedAt),
    active_at: isoTime(session.activeAt),
    ended_at: session.endedAt === undefined ? null : isoTime(session.endedAt),
    lines: session.lines,
    summary: session.summary ?? null,
  };
}
