/** From rows of SQLite to the store's own types. Called by the SQLite store alone. */

import type { Dialect, Overlap, Priority } from "../../domain/message.ts";
import type { HistoryEntry } from "../history_store.ts";
import type { Memory } from "../memory_store.ts";
import type { Reminder } from "../reminder_store.ts";
import type { ToolCall, ToolRound } from "../../domain/tool_call.ts";
import type * as request from "../../domain/request.ts";
import type * as requests from "../request_store.ts";
import type { Run, RunKind, TaskState } from "../run_store.ts";
import type { Session, SessionRecord } from "../session_store.ts";
import type { RollingSummary, SessionSummary } from "../summary_store.ts";
/** A row as the driver gives it. */
export type Row = Readonly<Record<string, string | number | null | Uint8Array>>;

const decoder = new TextDecoder();

export function toQueuedRequest(row: Row): request.QueuedRequest {
  return {
    seq: row.seq as number,
    nodeId: row.node_id as string,
    requestId: row.request_id as string,
    channelKey: row.channel_key as string,
    priority: row.priority as Priority,
    overlap: (row.overlap ?? "queue") as Overlap,
    userId: row.user_id as string,
    threadId: (row.thread_id ?? "") as string,
    claimed: row.claimed === 1,
    bytes: row.bytes as number,
  };
}

export function toAbsorbedRequest(row: Row): request.AbsorbedRequest {
  return {
    seq: row.seq as number,
    nodeId: row.node_id as string,
    platform: row.platform as string,
    message: JSON.parse(row.message as string),
    acceptedAt: row.accepted_at as number,
    round: row.round as number,
  };
}

export function toUndeliveredReply(row: Row): requests.UndeliveredReply {
  return {
    seq: row.seq as number,
    nodeId: row.node_id as string,
    requestId: row.request_id as string,
    dialect: row.dialect as Dialect,
    outcome: JSON.parse(row.outcome as string),
  };
}

/** `results` are those of all rounds of the request. */
export function toToolRound(row: Row, results: readonly Row[]): ToolRound {
  const calls = JSON.parse(row.calls as string) as ToolCall[];
  const ofRound = results.filter(({ round }) => round === row.round);
  return {
    text: row.text as string,
    calls,
    ...(row.origin !== null && { origin: JSON.parse(row.origin as string) }),
    results: calls.map((_, index) => {
      const found = ofRound.find(({ position }) => position === index);
      return found && JSON.parse(found.result as string);
    }),
  };
}

export function toSession(row: Row): Session {
  return {
    id: row.id as string,
    nodeId: row.node_id as string,
    platform: row.platform as string,
    userId: row.user_id as string,
    channelKey: row.channel_key as string,
    channelId: row.channel_id as string,
    threadId: row.thread_id as string,
    startedAt: row.started_at as number,
    activeAt: row.active_at as number,
  };
}

export function toSessionRecord(row: Row): SessionRecord {
  return {
    ...toSession(row),
    endedAt: (row.ended_at ?? undefined) as number | undefined,
    lines: row.lines as number,
    summary: row.summary_text === null
      ? undefined
      : decoder.decode(row.summary_text as Uint8Array) || undefined,
  };
}

export function toRollingSummary(row: Row): RollingSummary {
  return {
    text: decoder.decode(row.text as Uint8Array),
    coversTo: row.covers_to as number,
    updatedAt: row.updated_at as number,
  };
}

export function toSessionSummary(row: Row): SessionSummary {
  return {
    text: decoder.decode(row.text as Uint8Array),
    endedAt: row.ended_at as number,
  };
}

export function toHistoryEntry(row: Row): HistoryEntry {
  return {
    id: row.id as number,
    sessionId: row.session_id as string,
    role: row.role as "user" | "assistant",
    content: decoder.decode(row.text as Uint8Array),
    userId: row.user_id as string,
    userName: (row.user_name ?? undefined) as string | undefined,
    partial: row.partial === 1,
    at: row.at as number,
  };
}

export function toMemory(row: Row): Memory {
  return {
    id: row.id as number,
    userKey: row.user_key as string,
    text: row.text as string,
    private: row.private === 1,
    channelKey: row.channel_key as string,
    createdAt: row.created_at as number,
    source: row.source as Memory["source"],
    kind: row.kind as Memory["kind"],
  };
}

export function toRun(row: Row): Run {
  const result = row.duration_ms === null ? undefined : {
    durationMs: row.duration_ms as number,
    exitCode: (row.exit_code ?? undefined) as number | undefined,
    output: decoder.decode(row.output as Uint8Array),
    error: row.error === null ? undefined : decoder.decode(row.error as Uint8Array),
  };
  return {
    id: row.id as number,
    kind: row.kind as RunKind,
    name: row.name as string,
    trigger: row.trigger as string,
    startedAt: row.started_at as number,
    result,
  };
}

export function toTaskState(row: Row): TaskState {
  return {
    name: row.name as string,
    digest: row.digest as string,
    anchorAt: row.anchor_at as number,
    cursorAt: (row.cursor_at ?? undefined) as number | undefined,
    lastRunAt: (row.last_run_at ?? undefined) as number | undefined,
    runCount: row.run_count as number,
  };
}

export function toReminder(row: Row): Reminder {
  return {
    id: row.id as string,
    userKey: row.user_key as string,
    nodeId: row.node_id as string,
    platform: row.platform as string,
    user: JSON.parse(row.user as string),
    channel: JSON.parse(row.channel as string),
    text: decoder.decode(row.text as Uint8Array),
    dueAt: row.due_at as number,
    createdAt: row.created_at as number,
  };
}
