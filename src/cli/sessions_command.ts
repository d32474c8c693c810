/**
 * The command `sessions`: which sessions there are and were, what was said in one, and ending one; of
 * a running gateway if there is one, else from the store.
 */

import type { Flags } from "../config.ts";
import { ConfigError, errorText, StoreError } from "../errors.ts";
import { type AdminAnswer, type AdminRequest, askAdminText } from "./admin_client.ts";
import { NotRunningError } from "./gateway_client.ts";
import { plainLines, table } from "./run_lines.ts";
import { askStored } from "./stored_admin.ts";

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
  try {
    return await actions[action as keyof typeof actions](flags, encodeURIComponent(id ?? ""));
  } catch (error) {
    if (error instanceof ConfigError || error instanceof StoreError) throw error;
    console.error(errorText(error));
    return 1;
  }
}

/** Asks the running gateway; where none runs, its store. */
export async function askEither(flags: Flags, request: AdminRequest): Promise<string> {
  try {
    return await askAdminText(flags, request);
  } catch (error) {
    if (!(error instanceof NotRunningError)) throw error;
    return await askStored(flags, request);
  }
}

async function list(flags: Flags): Promise<number> {
  const query = new URLSearchParams();
  for (const name of ["user", "channel", "platform", "limit"]) {
    if (flags[name] !== undefined) query.set(name, String(flags[name]));
  }
  const text = await askEither(flags, { path: `/sessions?${query}` });
  const { sessions } = JSON.parse(text) as { readonly sessions: readonly AdminAnswer[] };
  if (flags.json) console.log(JSON.stringify(sessions, null, 2));
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
  const text = await askEither(flags, { path: `/sessions/${id}` });
  if (flags.json) {
    console.log(JSON.stringify(JSON.parse(text), null, 2));
    return 0;
  }
  const { summary } = JSON.parse(text) as { readonly summary: string | null };
  console.log(plainLines(
    await askEither(flags, {
      path: `/sessions/${id}/export?format=markdown`,
    }),
  ));
  if (summary) console.log(plainLines(`\n## Summary\n\n${summary}`));
  return 0;
}

async function exportOne(flags: Flags, id: string): Promise<number> {
  const format = encodeURIComponent(String(flags.format ?? "jsonl"));
  const text = await askEither(flags, { path: `/sessions/${id}/export?format=${format}` });
  await new Blob([text]).stream().pipeTo(Deno.stdout.writable, { preventClose: true });
  return 0;
}

async function end(flags: Flags, id: string): Promise<number> {
  await askEither(flags, { path: `/sessions/${id}/end`, body: {} });
  console.log("Ended.");
  return 0;
}
