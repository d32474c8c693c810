/**
 * Verifies after a run under load that the gateway kept its guarantees, from the frames of every
 * connection, the tool's journal and the gateway's tables.
 */

import { isDeepStrictEqual } from "node:util";
import { isAnswer, type LoadRequest } from "./script.ts";
import type { AdapterClient } from "../adapter/client.ts";
import { isTerminal, type ReceivedFrame, textOfChunks } from "../adapter/received_frame.ts";
import { storeProblems } from "../store_check.ts";

/** The parts of an adapter that the checker reads. */
export interface CheckedAdapter {
  readonly options: { readonly nodeId: string; readonly resumes: boolean };
  readonly connections: readonly CheckedConnection[];
  readonly requests: readonly LoadRequest[];
}

/** A connection, how often each message was sent on it, and which messages were new. */
export interface CheckedConnection {
  readonly client: Pick<AdapterClient, "frames" | "violations">;
  readonly sendCounts: ReadonlyMap<string, number>;
  readonly newRequests: ReadonlySet<string>;
}

/** What was checked, and what was found. */
export interface CheckReport {
  /** Broken guarantees; tests expect none. */
  readonly problems: readonly string[];
  readonly requests: number;
  readonly frames: number;
  readonly connections: number;
  /** Replies repeated after a crash or a lost connection. */
  readonly repeated: number;
  readonly toolRuns: number;
}

/**
 * The frames of one session over all its connections, and how often each message was sent in it.
 */
interface Session {
  readonly frames: readonly ReceivedFrame[];
  readonly sendCounts: ReadonlyMap<string, number>;
  /** Messages first sent in this session. */
  readonly newRequests: ReadonlySet<string>;
}

/** Checks everything a run has left behind. */
export function check(
  adapters: readonly CheckedAdapter[],
  { dataDir, journal }: { readonly dataDir: string; readonly journal: string },
): CheckReport {
  const problems: string[] = [];
  let frames = 0;
  let repeated = 0;
  const ends = new Map<string, ReceivedFrame>();
  for (const adapter of adapters) {
    const sessions = sessionsOf(adapter.connections);
    for (const { client } of adapter.connections) {
      frames += client.frames.length;
      problems.push(...client.violations);
    }
    for (const session of sessions) problems.push(...sessionProblems(adapter, session));
    for (const request of adapter.requests) {
      const found = endsOf(sessions, request.requestId);
      problems.push(...endProblems(request, found));
      repeated += Math.max(0, found.length - 1);
      if (found[0]) ends.set(request.requestId, found[0]);
    }
  }
  const runs = toolRuns(journal);
  problems.push(...toolProblems(runs, ends), ...storeProblems(dataDir, { adapters, ends }));
  return {
    problems,
    requests: ends.size,
    frames,
    connections: adapters.reduce((sum, { connections }) => sum + connections.length, 0),
    repeated,
    toolRuns: runs.size,
  };
}

function sessionsOf(connections: readonly CheckedConnection[]): readonly Session[] {
  interface Growing extends Session {
    readonly frames: ReceivedFrame[];
    readonly sendCounts: Map<string, number>;
    readonly newRequests: Set<string>;
  }
  const sessions = new Map<string, Growing>();
  for (const { client, sendCounts, newRequests } of connections) {
    const id = client.frames.find(({ type }) => type === "registered")?.session_id;
    if (id === undefined) continue;
    const session: Growing = sessions.get(id) ??
      { frames: [], sendCounts: new Map(), newRequests: new Set() };
    sessions.set(id, session);
    newRequests.forEach((requestId) => session.newRequests.add(requestId));
    session.frames.push(...client.frames);
    for (const [requestId, count] of sendCounts) {
      session.sendCounts.set(requestId, (session.sendCounts.get(requestId) ?? 0) + count);
    }
  }
  return [...sessions.values()];
}

/** No gap in the numbers, no frame outside a reply, no more ends than messages sent, in order. */
function sessionProblems(
  { options, requests }: CheckedAdapter,
  { frames, sendCounts, newRequests }: Session,
): readonly string[] {
  const problems: string[] = [];
  const where = `${options.nodeId}: `;
  const numbers = frames.map(({ seq }) => seq).filter((seq) => seq !== undefined);
  const gap = numbers.findIndex((seq, index) => seq !== index + 1);
  if (gap >= 0) problems.push(`${where}frame ${gap + 1} of a session has number ${numbers[gap]}`);
  const open = new Set<string>();
  const endCounts = new Map<string, number>();
  for (const frame of frames) {
    const id = frame.request_id;
    if (!id || frame.type === "status" || frame.code === "not_found") continue;
    if (frame.type === "response_start") open.add(id);
    else if (isTerminal(frame)) {
      open.delete(id);
      endCounts.set(id, (endCounts.get(id) ?? 0) + 1);
    } else if (!open.has(id)) problems.push(`${where}${frame.type} of ${id} outside of a reply`);
  }
  for (const [id, count] of endCounts) {
    // At most one end per message sent, and one left over from an earlier session.
    const allowed = (sendCounts.get(id) ?? 0) + (newRequests.has(id) ? 0 : 1);
    if (count <= allowed) continue;
    problems.push(
      `${where}${id} has ended ${count} times in one session, sent ${
        sendCounts.get(id) ?? 0
      } times: ` +
        JSON.stringify(frames.filter((frame) => frame.request_id === id)),
    );
  }
  if (options.resumes) {
    problems.push(...orderProblems(frames, requests).map((text) => where + text));
  }
  return problems;
}

/** Replies of a channel end in the order in which its messages were sent. */
function orderProblems(
  frames: readonly ReceivedFrame[],
  requests: readonly LoadRequest[],
): readonly string[] {
  const positions = new Map(requests.map(({ requestId, channelId }, position) => [
    requestId,
    { position, channelId },
  ]));
  const last = new Map<string, number>();
  const seen = new Set<string>();
  const problems: string[] = [];
  for (const { type, request_id: id } of frames) {
    const known = type === "response_end" && id && !seen.has(id) && positions.get(id);
    if (!known) continue;
    seen.add(id);
    if (known.position < (last.get(known.channelId) ?? -1)) {
      problems.push(`${id} was answered after a later one of ${known.channelId}`);
    }
    last.set(known.channelId, known.position);
  }
  return problems;
}

function endsOf(sessions: readonly Session[], requestId: string): readonly ReceivedFrame[] {
  return sessions.flatMap(({ frames }) =>
    frames.flatMap((frame, index) => {
      if (frame.request_id !== requestId || !isTerminal(frame) || frame.code === "not_found") {
        return [];
      }
      const before = frames.slice(0, index).filter(({ request_id }) => request_id === requestId);
      return [{ ...frame, shown: shownBefore(before) }];
    })
  );
}

/** Joins the chunks of the reply that is about to end; undefined if there were none. */
function shownBefore(frames: readonly ReceivedFrame[]): string | undefined {
  const lastEnd = frames.findLastIndex((frame) => isTerminal(frame) && frame.code !== "not_found");
  const own = frames.slice(lastEnd + 1);
  const start = own.findLastIndex(({ type }) => type === "response_start");
  const chunks = own.slice(start + 1).filter(({ type }) => type === "response_chunk");
  return chunks.length > 0 ? textOfChunks(own) : undefined;
}

function endProblems(request: LoadRequest, ends: readonly ReceivedFrame[]): readonly string[] {
  const { requestId, kind } = request;
  if (ends.length === 0) return [`${requestId} has no end`];
  const problems: string[] = [];
  const different = ends.filter((end) => !isDeepStrictEqual(contentOf(end), contentOf(ends[0]!)));
  if (different.length > 0) {
    problems.push(`${requestId} has two ends: ${JSON.stringify([ends[0], different[0]])}`);
  }
  for (const { type, content, full_text, shown, ...rest } of ends) {
    const text = content ?? full_text;
    if (type === "error") problems.push(`${requestId} failed: ${rest.code} ${rest.message}`);
    if (type === "cancelled" && kind !== "cancel") problems.push(`${requestId} was cancelled`);
    if (type !== "response_end") continue;
    if (!isAnswer(text ?? "", request)) problems.push(`${requestId} is answered with ${text}`);
    if (shown !== undefined && shown !== text) {
      problems.push(`${requestId} was shown ${JSON.stringify(shown)}, then ends with ${text}`);
    }
  }
  return problems;
}

/** The fields that must be equal whenever an end is repeated. */
function contentOf(
  { type, content, full_text, code, files, file_data, tool_count }: ReceivedFrame,
) {
  return { type, content, full_text, code, files, file_data, tool_count };
}

/** The words each tool run wrote, by request id. */
function toolRuns(journal: string): ReadonlyMap<string, readonly string[]> {
  const runs = new Map<string, string[]>();
  for (const line of Deno.readTextFileSync(journal).split("\n").filter(Boolean)) {
    const [id, word] = line.split(" ") as [string, string];
    runs.set(id, [...runs.get(id) ?? [], word]);
  }
  return runs;
}

function toolProblems(
  runs: ReadonlyMap<string, readonly string[]>,
  ends: ReadonlyMap<string, ReceivedFrame>,
): readonly string[] {
  const problems: string[] = [];
  for (const [id, words] of runs) {
    if (words.filter((word) => word === "begin").length > 1) {
      problems.push(`the tool of ${id} ran twice`);
    }
  }
  for (const [id, { content, full_text }] of ends) {
    const noted = (content ?? full_text ?? "").includes(`noted ${id}`);
    if (noted && !isDeepStrictEqual(runs.get(id), ["begin", "end"])) {
      problems.push(`${id} tells of a run that the journal does not have`);
    }
  }
  return problems;
}
