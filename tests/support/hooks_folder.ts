/** A folder with a gateway's hook and task files, and a hook that records every event. */

import { join } from "node:path";
import { within } from "./deadline.ts";
import { GatewayProcess, type GatewayProcessOptions } from "./process/gateway_process.ts";
import { TempFolder } from "./process/temp_folder.ts";

/** An entry of `hooks.yaml` or `scheduler.yaml`. */
export type Entry = Readonly<Record<string, unknown>>;

/** An event as the recording hook received it on standard input and in its environment. */
export interface RecordedEvent {
  readonly type: string;
  readonly timestamp: string;
  readonly node_id: string | null;
  readonly platform: string | null;
  readonly user_id: string | null;
  readonly channel_id: string | null;
  readonly request_id: string | null;
  readonly task_name: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  /** The command's whole environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** A run as `/admin/hooks/results` and `/admin/tasks/results` show it. */
export interface RunResult {
  readonly name: string;
  readonly trigger: string;
  readonly ok?: boolean;
  readonly exit_code?: number | null;
  readonly duration_ms?: number;
  readonly output?: string;
  readonly error?: string | null;
}

/**
 * Records each event: its JSON on a line, its environment with a NUL after each variable and two at
 * the end. If the gateway was killed before it wrote the event, it records nothing.
 */
export const recorder: Entry = {
  name: "recorder",
  event: "*",
  command: 'json=$(cat); [ -n "$json" ] || exit 1; printf \'%s\\n\' "$json" >> events.jsonl; ' +
    "{ env -0; printf '\\000'; } >> environments",
};

/** `hooks/hooks.yaml`, `scheduler.yaml` and `data` in a temporary folder. */
export class HooksFolder extends TempFolder {
  readonly hooksFile = join(this.path, "hooks", "hooks.yaml");
  readonly schedulerFile = join(this.path, "scheduler.yaml");
  readonly dataDir = join(this.path, "data");

  constructor(hooks: readonly Entry[] = [], tasks?: readonly Entry[]) {
    super("clara_hooks_");
    Deno.mkdirSync(join(this.path, "hooks"));
    this.writeHooks(hooks);
    if (tasks) this.writeTasks(tasks);
  }

  /** Replaces `hooks.yaml` (JSON is YAML). */
  writeHooks(hooks: readonly Entry[]): void {
    Deno.writeTextFileSync(this.hooksFile, JSON.stringify({ hooks }, null, 2));
  }

  /** Replaces `scheduler.yaml`. */
  writeTasks(tasks: readonly Entry[]): void {
    Deno.writeTextFileSync(this.schedulerFile, JSON.stringify({ tasks }, null, 2));
  }

  /** The path of a file next to `hooks.yaml`, where commands run. */
  file(name: string): string {
    return join(this.path, "hooks", name);
  }

  /** The lines of such a file; none if it does not exist. */
  lines(name: string): readonly string[] {
    return readText(this.file(name)).split("\n").slice(0, -1);
  }

  /** The part of a gateway's configuration that points here. */
  get config(): { readonly hooksDir: string; readonly schedulerDir: string } {
    return { hooksDir: join(this.path, "hooks"), schedulerDir: this.path };
  }

  /** Starts a gateway process on this folder. */
  start(options: GatewayProcessOptions = {}): Promise<GatewayProcess> {
    return GatewayProcess.start({
      dataDir: this.dataDir,
      ...options,
      env: {
        CLARA_HOOKS_DIR: this.config.hooksDir,
        CLARA_SCHEDULER_DIR: this.path,
        ...options.env,
      },
    });
  }

  /** The events recorded completely. */
  events(): readonly RecordedEvent[] {
    const environments = readText(this.file("environments")).split("\0\0").slice(0, -1)
      .map((text) => Object.fromEntries(text.split("\0").map(variableOf)));
    const lines = this.lines("events.jsonl");
    return environments.map((env, index) => ({ ...JSON.parse(lines[index]!), env }));
  }

  /** Resolves to the recorded events when `predicate` accepts them. */
  async waitForEvents(
    predicate: (events: readonly RecordedEvent[]) => boolean,
    options: { readonly timeoutMs?: number; readonly what?: string } = {},
  ): Promise<readonly RecordedEvent[]> {
    let late = false;
    let events = this.events();
    const poll = async () => {
      while (!late && !predicate(events)) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        events = this.events();
      }
      return events;
    };
    const what = () =>
      `${options.what ?? "events"}; there are ${events.map(({ type }) => type).join(" ")}`;
    try {
      return await within(poll(), { timeoutMs: 20_000, ...options, what });
    } finally {
      late = true;
    }
  }
}

/** Requests the admin interface of a gateway. */
export async function admin<Answer>(
  gateway: { readonly httpUrl: string },
  path: string,
  body?: object,
): Promise<Answer> {
  const response = await fetch(`${gateway.httpUrl}/admin${path}`, {
    method: body ? "POST" : "GET",
    ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  return await response.json();
}

/** Resolves to the runs of a hook, oldest first, when there are at least `count`. */
export async function hookRuns(
  gateway: { readonly httpUrl: string },
  name: string,
  count = 1,
  options: { readonly timeoutMs?: number } = {},
): Promise<readonly RunResult[]> {
  let late = false;
  let found: readonly RunResult[] = [];
  const poll = async () => {
    while (!late) {
      const path = `/hooks/results?limit=100&name=${encodeURIComponent(name)}`;
      const { results } = await admin<{ results: readonly RunResult[] }>(gateway, path);
      found = results.toReversed();
      if (found.length >= count) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return found;
  };
  const what = () => `${count} runs of hook ${name}; there are ${found.length}`;
  try {
    return await within(poll(), { ...options, what });
  } finally {
    late = true;
  }
}

function variableOf(text: string): [string, string] {
  const at = text.indexOf("=");
  return [text.slice(0, at), text.slice(at + 1)];
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
