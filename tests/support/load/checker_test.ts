/** The checker finds every guarantee that is broken on purpose. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { check } from "./checker.ts";
import { type LoadRequest, loadText } from "./script.ts";
import type { ReceivedFrame } from "../adapter/received_frame.ts";
import { TempFolder } from "../process/temp_folder.ts";

const request: LoadRequest = { requestId: "r-1", channelId: "a", kind: "plain", chunks: 1 };
const text = "r-1:0 ";
const tables = `
  CREATE TABLE requests (seq, request_id, state, delivered_at);
  CREATE TABLE history (id INTEGER PRIMARY KEY, request_seq, channel_key, role, content, partial);
  INSERT INTO requests VALUES (1, 'r-1', 'done', 1);
  INSERT INTO history (request_seq, channel_key, role, content, partial)
    VALUES (1, 'one:a', 'user', '${loadText(request)}', 0), (1, 'one:a', 'assistant', '${text}', 0);
`;

const registered = { type: "registered", session_id: "s-1" };
const start = { type: "response_start", seq: 1, request_id: "r-1" };
const chunk = { type: "response_chunk", seq: 2, request_id: "r-1", content: text };
const end = { type: "response_end", seq: 3, request_id: "r-1", content: text };
const whole = [registered, start, chunk, end];

interface Broken {
  readonly name: string;
  readonly frames?: readonly object[];
  readonly journal?: string;
  readonly sql?: string;
  readonly says: RegExp;
}

const broken: readonly Broken[] = [
  { name: "no end", frames: [registered, start, chunk], says: /r-1 has no end/ },
  {
    name: "two ends",
    frames: [...whole, { ...start, seq: 4 }, { ...end, seq: 5 }],
    says: /r-1 has ended 2 times in one session/,
  },
  {
    name: "two different ends",
    frames: [...whole, { type: "cancelled", seq: 4, request_id: "r-1" }],
    says: /r-1 has two ends/,
  },
  {
    name: "a chunk after the end",
    frames: [...whole, { ...chunk, seq: 4 }],
    says: /response_chunk of r-1 outside of a reply/,
  },
  {
    name: "a gap",
    frames: [registered, start, chunk, { ...end, seq: 4 }],
    says: /frame 3 of a session has number 4/,
  },
  {
    name: "chunks that differ from the end",
    frames: [registered, start, { ...chunk, content: "r-1" }, end],
    says: /r-1 was shown "r-1", then ends with/,
  },
  {
    name: "another answer",
    frames: [registered, start, { ...end, seq: 2, content: "Hello" }],
    says: /r-1 is answered with Hello/,
  },
  {
    name: "an error",
    frames: [registered, { type: "error", seq: 1, request_id: "r-1", code: "internal_error" }],
    says: /r-1 failed: internal_error/,
  },
  { name: "a tool that ran twice", journal: "r-1 begin\nr-1 begin\nr-1 end\n", says: /ran twice/ },
  {
    name: "a message that the store lost",
    sql: "DELETE FROM requests",
    says: /store does not know r-1/,
  },
  {
    name: "a message that is still queued",
    sql: "UPDATE requests SET state = 'queued'",
    says: /r-1 is queued/,
  },
  {
    name: "a reply not marked as delivered",
    sql: "UPDATE requests SET delivered_at = NULL",
    says: /r-1 is not noted as delivered/,
  },
  {
    name: "another history",
    sql: "UPDATE history SET content = 'Bye' WHERE role = 'assistant'",
    says: /history of r-1 is/,
  },
  {
    name: "a duplicated history",
    sql:
      "INSERT INTO history SELECT id + 2, request_seq, channel_key, role, content, partial FROM history",
    says: /history of r-1 is/,
  },
  {
    name: "a channel out of order",
    sql: "INSERT INTO history VALUES (9, 0, 'one:a', 'user', 'late', 0)",
    says: /request 0 comes after a later one/,
  },
];

async function problemsOf({ frames = whole, journal = "", sql = "" }: Partial<Broken>) {
  await using folder = new TempFolder();
  const database = new DatabaseSync(join(folder.path, "gateway.db"));
  database.exec(tables + sql);
  database.close();
  const path = join(folder.path, "journal");
  await Deno.writeTextFile(path, journal);
  const adapter = {
    options: { nodeId: "node", resumes: true },
    requests: [request],
    connections: [{
      client: { frames: frames as readonly ReceivedFrame[], violations: [] },
      sendCounts: new Map([["r-1", 1]]),
      newRequests: new Set(["r-1"]),
    }],
  };
  return check([adapter], { dataDir: folder.path, journal: path }).problems;
}

Deno.test("the checker finds nothing if every guarantee was kept", async () => {
  assert.deepEqual(await problemsOf({}), []);
});

for (const { name, says, ...how } of broken) {
  Deno.test(`the checker finds ${name}`, async () => {
    assert.match((await problemsOf(how)).join("\n"), says);
  });
}
