/** A session as a file, page by page as it is read. Used by the admin interface. */

import { isoTime } from "../../lib/iso_time.ts";
import type { HistoryEntry, HistoryStore } from "../../store/history_store.ts";
import type { SessionRecord } from "../../store/session_store.ts";

/** The formats: JSON lines for programs, Markdown for people. */
export const exportFormats = ["jsonl", "markdown"] as const;
export type ExportFormat = typeof exportFormats[number];

/** Their media types. */
export const exportTypes: Readonly<Record<ExportFormat, string>> = {
  jsonl: "application/jsonl; charset=utf-8",
  markdown: "text/markdown; charset=utf-8",
};

/** Lines that are read at once. */
const pageSize = 500;

/** The text of the file, in pieces. */
export async function* exportSession(
  session: SessionRecord,
  { history, format }: {
    readonly history: Pick<HistoryStore, "ofSession">;
    readonly format: ExportFormat;
  },
): AsyncGenerator<string> {
  if (format === "markdown") yield markdownHead(session);
  for (let after = 0;;) {
    const page = await history.ofSession({ sessionId: session.id, after, limit: pageSize });
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
  const end = endedAt === undefined ? "still runs" : `ended ${isoTime(endedAt)}`;
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
