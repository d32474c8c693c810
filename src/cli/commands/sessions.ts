/** The command `sessions`: lists, shows, exports and ends sessions. */

import type { Flags } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { type AdminAnswer, AdminClient } from "../client/admin_client.ts";
import { locateGateway } from "../client/location.ts";
import { escapeControls, jsonText, printRows, writeOut } from "../output.ts";

/** Runs `sessions ACTION`. */
export async function sessions(flags: Flags, words: readonly string[]): Promise<number> {
  const [action, id] = words;
  if (action !== "list" && id === undefined) throw new ConfigError("Missing: the session's id");
  const path = `/sessions/${encodeURIComponent(id ?? "")}`;
  const admin = new AdminClient(await locateGateway(flags));
  switch (action) {
    case "show":
      return await show(admin, path, { json: Boolean(flags.json) });
    case "export": {
      const format = encodeURIComponent(String(flags.format ?? "jsonl"));
      writeOut(await admin.textFromGatewayOrStore({ path: `${path}/export?format=${format}` }));
      return 0;
    }
    case "end":
      await admin.queryGatewayOrStore({ path: `${path}/end`, body: {} });
      console.log("Ended.");
      return 0;
    default:
      return await list(admin, flags);
  }
}

async function list(admin: AdminClient, flags: Flags): Promise<number> {
  const query = new URLSearchParams();
  for (const name of ["user", "channel", "platform", "limit"]) {
    if (flags[name] !== undefined) query.set(name, String(flags[name]));
  }
  const answer = await admin.queryGatewayOrStore({ path: `/sessions?${query}` });
  return printRows(answer.sessions as readonly AdminAnswer[], {
    json: Boolean(flags.json),
    empty: "There are no sessions.",
    head: ["ID", "PLATFORM", "CHANNEL", "USER", "STARTED", "ENDED", "LINES"],
    cells: (session) => [
      session.id,
      session.platform,
      [session.channel_id, session.thread_id].filter(Boolean).join(" / "),
      session.user_id,
      session.started_at,
      session.ended_at ?? "-",
      session.lines,
    ],
  });
}

async function show(
  admin: AdminClient,
  path: string,
  { json }: { readonly json: boolean },
): Promise<number> {
  const session = await admin.queryGatewayOrStore({ path });
  if (json) {
    console.log(jsonText(session));
    return 0;
  }
  const text = await admin.textFromGatewayOrStore({ path: `${path}/export?format=markdown` });
  console.log(escapeControls(text));
  if (session.summary) console.log(escapeControls(`\n## Summary\n\n${session.summary}`));
  return 0;
}
