/** `/admin/sessions`: lists sessions, exports one as a file, ends one. */

import { Hono } from "hono";
import * as z from "zod";
import { isoTime } from "../../lib/iso_time.ts";
import { parseWith } from "../../lib/schema.ts";
import type { HistoryEntry, HistoryStore } from "../../store/history_store.ts";
import type { Session, SessionRecord, SessionStore } from "../../store/session_store.ts";

/** Options of {@linkcode sessionRoutes}. */
export interface SessionRoutesOptions {
  readonly sessions: Pick<SessionStore, "list" | "get">;
  readonly history: Pick<HistoryStore, "forSession">;
  /** Ends a session; undefined if it is not open. */
  readonly endSession: (id: string) => Promise<Session | undefined>;
}

/** Export formats: JSON lines for programs, Markdown for people. */
const exportFormats = ["jsonl", "markdown"] as const;
type ExportFormat = typeof exportFormats[number];

const mediaTypes: Readonly<Record<ExportFormat, string>> = {
  jsonl: "application/jsonl; charset=utf-8",
  markdown: "text/markdown; charset=utf-8",
};

/** Lines that an export reads at once. */
const pageSize = 500;

const listQuery = z.object({
  platform: z.string().optional(),
  user: z.string().optional(),
  channel: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(50),
});

const exportQuery = z.object({ format: z.enum(exportFormats).default("jsonl") });

const notFound = { error: "There is no session with this id" } as const;

export function sessionRoutes({ sessions, history, endSession }: SessionRoutesOptions): Hono {
  const app = new Hono();
  app.get("/", async (context) => {
    const query = parseWith(listQuery, context.req.query());
    if ("problem" in query) return context.json({ error: query.problem }, 400);
    const { platform, user, channel, limit } = query.value;
    const found = await sessions.list({ platform, userId: user, channelId: channel, limit });
    return context.json({ sessions: found.map(sessionView) });
  });
  app.get("/:id", async (context) => {
    const found = await sessions.get(context.req.param("id"));
    return found ? context.json(sessionView(found)) : context.json(notFound, 404);
  });
  app.get("/:id/export", async (context) => {
    const query = parseWith(exportQuery, context.req.query());
    if ("problem" in query) return context.json({ error: query.problem }, 400);
    const { format } = query.value;
    const found = await sessions.get(context.req.param("id"));
    if (!found) return context.json(notFound, 404);
    const chunks = exportSession(found, { history, format });
    const body = ReadableStream.from(chunks).pipeThrough(new TextEncoderStream());
    return context.body(body, 200, { "content-type": mediaTypes[format] });
  });
  app.post("/:id/end", async (context) => {
    const ended = await endSession(context.req.param("id"));
    if (ended) return context.json({ id: ended.id, ended: true });
    return context.json({ error: "There is no open session with this id" }, 404);
  });
  return app;
}

/** The JSON of a session. */
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

/** The exported file, read page by page. */
async function* exportSession(
  session: SessionRecord,
  { history, format }: {
    readonly history: Pick<HistoryStore, "forSession">;
    readonly format: ExportFormat;
  },
): AsyncGenerator<string> {
  if (format === "markdown") yield markdownHead(session);
  for (let after = 0;;) {
    const page = await history.forSession({ sessionId: session.id, after, limit: pageSize });
    yield page.map(format === "jsonl" ? jsonLine : markdownLine).join("");
    if (page.length < pageSize) return;
    after = page.at(-1)!.id;
  }
}

function jsonLine({ id, at, role, userId, userName, content, partial }: HistoryEntry): string {
  const line = {
    id,
    at: isoTime(at),
    role,
    user_id: userId,
    user_name: userName ?? null,
    content,
    partial,
  };
  return `${JSON.stringify(line)}\n`;
}

function markdownHead({ id, platform, channelId, userId, startedAt, endedAt }: SessionRecord) {
  const end = endedAt === undefined ? "still open" : `ended ${isoTime(endedAt)}`;
  const facts = [
    `Platform: ${platform}`,
    `Channel: ${channelId}`,
    `User: ${userId}`,
    `Started ${isoTime(startedAt)}, ${end}`,
  ];
  return `# Session ${id}\n\n${facts.map((fact) => `- ${fact}\n`).join("")}`;
}

function markdownLine({ at, role, userId, userName, content, partial }: HistoryEntry): string {
  const speaker = role === "user" ? userName ?? userId : "Assistant";
  const note = partial ? "\n\n(cut off)" : "";
  return `\n**${speaker}** (${isoTime(at)})\n\n${content}${note}\n`;
}
