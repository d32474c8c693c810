/** Checks the gateway's tables after a run under load. */

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type LoadRequest, loadText } from "./load/script.ts";
import type { ReceivedFrame } from "./adapter/received_frame.ts";

type Row = Readonly<Record<string, string | number | null>>;

/**
 * Describes what is wrong with a store: it must be intact, have no open work, and match what was
 * shown.
 */
export function storeProblems(
  dataDir: string,
  { adapters, ends }: {
    readonly adapters: readonly { readonly requests: readonly LoadRequest[] }[];
    /** The end of each request, with the text `shown` before it. */
    readonly ends: ReadonlyMap<string, ReceivedFrame>;
  },
): readonly string[] {
  const database = new DatabaseSync(join(dataDir, "gateway.db"), { readOnly: true });
  try {
    const all = (sql: string) => database.prepare(sql).all() as unknown as readonly Row[];
    const [integrity] = all("PRAGMA integrity_check");
    const problems = integrity!.integrity_check === "ok" ? [] : [JSON.stringify(integrity)];
    const requests = new Map(
      all("SELECT seq, request_id, state, delivered_at FROM requests")
        .map((row) => [row.request_id as string, row]),
    );
    const lines = all(
      `SELECT request_seq, channel_key, role, content, partial FROM history ORDER BY id`,
    );
    problems.push(...historyOrder(lines));
    const linesOf = Map.groupBy(lines, ({ request_seq }) => request_seq);
    for (const request of adapters.flatMap((adapter) => adapter.requests)) {
      const { requestId } = request;
      const row = requests.get(requestId);
      if (!row) problems.push(`the store does not know ${requestId}`);
      else if (row.state !== "done") problems.push(`${requestId} is ${row.state}`);
      else if (row.delivered_at === null) problems.push(`${requestId} is not noted as delivered`);
      const own = linesOf.get(row?.seq ?? null) ?? [];
      const end = ends.get(requestId);
      if (end) problems.push(...historyProblems(own, { end, asked: loadText(request) }));
    }
    return problems;
  } finally {
    database.close();
  }
}

/** The lines of a channel must be in the order in which its messages were accepted. */
function historyOrder(lines: readonly Row[]): string[] {
  const last = new Map<string, number>();
  const problems: string[] = [];
  for (const { channel_key, request_seq } of lines) {
    const key = channel_key as string;
    const seq = request_seq as number;
    if (seq < (last.get(key) ?? 0)) problems.push(`${key}: request ${seq} comes after a later one`);
    last.set(key, seq);
  }
  return problems;
}

function historyProblems(
  lines: readonly Row[],
  { end, asked }: { readonly end: ReceivedFrame; readonly asked: string },
): readonly string[] {
  const id = end.request_id;
  const users = lines.filter(({ role }) => role === "user").map(({ content }) => content);
  const replies = lines.filter(({ role }) => role === "assistant");
  if (end.type === "response_end") {
    const text = end.content ?? end.full_text;
    const right = users.length === 1 && users[0] === asked && replies.length === 1 &&
      replies[0]!.content === text && replies[0]!.partial === 0;
    return right ? [] : [`history of ${id} is ${JSON.stringify(lines)}, shown was ${text}`];
  }
  // A request cancelled in the queue leaves nothing; otherwise history starts with what was shown.
  const [partial] = replies;
  const right = replies.length <= 1 && users.every((text) => text === asked) && users.length <= 1 &&
    (!partial || partial.partial === 1);
  if (!right) return [`history of the cancelled ${id} is ${JSON.stringify(lines)}`];
  const shown = String(end.shown ?? "");
  const kept = String(partial?.content ?? "");
  return kept.startsWith(shown)
    ? []
    : [`of the cancelled ${id} "${shown}" was shown, and "${kept}" is kept`];
}
