/**
 * The command `sessions`: which sessions there are and were, what was said in one, and ending one; of
 * a running gateway if there is one, else from the store.
 */

import type { Flags } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { type AdminAnswer, parseAnswer, sayRefusal } from "../client/admin_client.ts";
import { jsonText, plainLines, table } from "../output.ts";
import { queryGatewayOrStore } from "../client/either_admin.ts";

/** Runs the command; resolves with the exit code. @throws {ConfigError} for wrong usage. */
export async function sessions(args: readonly string[], flags: Flags): Promise<number> {
  const [action = "", id] = args;
  const actions = { list, show, export: exportOne, end };
  if (!Object.hasOwn(actions, action)) {
    throw new ConfigError(
      `Unknown: sessions ${action}. clara-gateway sessions --help says what there is.`,
    );
  }
  if (action !== "list" && id === undefined) throw new ConfigError("Missing: the session's id");
  const act = actions[action as keyof typeof actions];
  return await sayRefusal(() => act(flags, encodeURIComponent(id ?? "")));
}

async function list(flags: Flags): Promise<number> {
  const query = new URLSearchParams();
  for (const name of ["user", "channel", "platform", "limit"]) {
    if (flags[name] !== undefined) query.set(name, String(flags[name]));
  }
  const text = await queryGatewayOrStore(flags, { path: `/sessions?${query}` });
  const sessions = parseAnswer(text).sessions as readonly AdminAnswer[];
  if (flags.json) console.log(jsonText(sessions));
  else if (sessions.length === 0) console.log("There are no sessions.");
  else {
    const head = ["ID", "PLATFORM", "CHANNEL", "USER", "STARTED", "ENDED", "LINES"];
    console.log(table([
      head,
      ...sessions.map((session) => [
        String(session.id),
        String(session.platform),
        [session.channel_id, session.thread_id].filter(Boolean).join(" / "),
        String(session.user_id),
        String(session.started_at),
        String(session.ended_at ?? "-"),
        String(session.lines),
      ]),
    ]));
  }
  return 0;
}

async function show(flags: Flags, id: string): Promise<number> {
  const session = parseAnswer(await queryGatewayOrStore(flags, { path: `/sessions/${id}` }));
  if (flags.json) {
    console.log(jsonText(session));
    return 0;
  }
  console.log(plainLines(
    await queryGatewayOrStore(flags, {
      path: `/sessions/${id}/export?format=markdown`,
    }),
  ));
  if (session.summary) console.log(plainLines(`\n## Summary\n\n${session.summary}`));
  return 0;
}

async function exportOne(flags: Flags, id: string): Promise<number> {
  const format = encodeURIComponent(String(flags.format ?? "jsonl"));
  const text = await queryGatewayOrStore(flags, {
    path: `/sessions/${id}/export?format=${format}`,
  });
  await new Blob([text]).stream().pipeTo(Deno.stdout.writable, { preventClose: true });
  return 0;
}

async function end(flags: Flags, id: string): Promise<number> {
  await queryGatewayOrStore(flags, { path: `/sessions/${id}/end`, body: {} });
  console.log("Ended.");
  return 0;
}
