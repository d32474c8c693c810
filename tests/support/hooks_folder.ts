/**
 * A folder with the files that a gateway with hooks and tasks reads, and a hook that notes every
 * event. Tests of hooks start their gateways with it.
 */

import { join } from "node:path";
import { within } from "./deadline.ts";
import { GatewayProcess, type GatewayProcessOptions } from "./process/gateway_process.ts";
import { TempFolder } from "./process/temp_folder.ts";

/** An entry of `hooks.yaml` or `scheduler.yaml`. */
export type Entry = Readonly<Record<string, unknown>>;

/** An event as the recording hook got it: on its standard input, and in its environment. */
export interface NotedEvent {
  readonly type: string;
  readonly timestamp: string;
  readonly node_id: string | null;
  readonly platform: string | null;
  readonly user_id: string | null;
  readonly channel_id: string | null;
  readonly request_id: string | null;
  readonly task_name: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  /** All of the command's environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** A run as `/admin/hooks/results` and `/admin/tasks/results` tell it. */
export interface RunAnswer {
  readonly name: string;
  readonly trigger: string;
  readonly ok?: boolean;
  readonly exit_code?: number | null;
  readonly duration_ms?: number;
  readonly output?: string;
  readonly error?: string | null;
}

/**
 * Notes each event: its JSON a line, its environment with a NUL behind each variable and two at the end. One
 * that was started by a gateway that was killed before it had told the event notes nothing.
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

  /** Changes `hooks.yaml`; JSON is YAML. */
  writeHooks(hooks: readonly Entry[]): void {
    Deno.writeTextFileSync(this.hooksFile, JSON.stringify({ hooks }, null, 2));
  }

  /** Changes `scheduler.yaml`. */
  writeTasks(tasks: readonly Entry[]): void {
    Deno.writeTextFileSync(this.schedulerFile, JSON.stringify({ tasks }, null, 2));
  }

  /** The path of a file beside `hooks.yaml`, where commands run. */
  file(name: string): string {
    return join(this.path, "hooks", name);
  }

  /** The lines of such a file; none where it is missing. */
  lines(name: string): readonly string[] {
    return readText(this.file(name)).split("\n").slice(0, -1);
  }

  /** What a gateway's configuration needs to know of it. */
  get config(): { readonly hooksDir: string; readonly schedulerDir: string } {
    return { hooksDir: join(this.path, "hooks"), schedulerDir: this.path };
  }

  /** Starts a gateway in a process of its own on it. */
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

  /** What the recording hook has noted in full. */
  events(): readonly NotedEvent[] {
    const environments = readText(this.file("environments")).split("\0\0").slice(0, -1)
      .map((text) => Object.fromEntries(text.split("\0").map(variableOf)));
    const lines = this.lines("events.jsonl");
    return environments.map((env, index) => ({ ...JSON.parse(lines[index]!), env }));
  }

  /** Resolves when `predicate` accepts what the recording hook has noted; gives it. */
  async noted(
    predicate: (events: readonly NotedEvent[]) => boolean,
    options: { readonly timeoutMs?: number; readonly what?: string } = {},
  ): Promise<readonly NotedEvent[]> {
    let late = false;
    let events = this.events();
    const look = async () => {
      while (!late && !predicate(events)) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        events = this.events();
      }
      return events;
    };
    const what = () =>
      `${options.what ?? "events"}; there are ${events.map(({ type }) => type).join(" ")}`;
    try {
      return await within(look(), { timeoutMs: 20_000, ...options, what });
    } finally {
      late = true;
    }
  }
}

/** Asks the admin interface of a gateway. */
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

/** The runs of a hook, the oldest first, once there are as many. */
export async function hookRuns(
  gateway: { readonly httpUrl: string },
  name: string,
  count = 1,
  options: { readonly timeoutMs?: number } = {},
): Promise<readonly RunAnswer[]> {
  let late = false;
  let found: readonly RunAnswer[] = [];
  const look = async () => {
    while (!late) {
      const path = `/hooks/results?limit=100&name=${encodeURIComponent(name)}`;
      const { results } = await admin<{ results: readonly RunAnswer[] }>(gateway, path);
      found = results.toReversed();
      if (found.length >= count) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return found;
  };
  const what = () => `${count} runs of hook ${name}; there are ${found.length}`;
  try {
    return await within(look(), { ...options, what });
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
