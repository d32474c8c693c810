/**
 * The command `tasks`: which tasks there are, how they went, when they come, and running one; of a
 * running gateway if there is one, else from the files.
 */

import { isoTime } from "../../lib/iso_time.ts";
import { join } from "node:path";
import { taskView } from "../../http/admin/tasks.ts";
import { type Flags, readConfig } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { ScheduledTask } from "../../automation/scheduler/scheduled_task.ts";
import { parseSchedulerFile } from "../../automation/scheduler/file.ts";
import { readIfPresent } from "../../lib/yaml.ts";
import { type AdminAnswer, askAdmin, ifRunning, sayRefusal } from "../client/admin_client.ts";
import { jsonText, runLines, table } from "../output.ts";
import { showResults } from "./run_results.ts";

/** Runs the command; resolves with the exit code. @throws {ConfigError} for wrong usage. */
export function tasks(args: readonly string[], flags: Flags): Promise<number> {
  return sayRefusal(() => act(args, flags));
}

async function act(args: readonly string[], flags: Flags): Promise<number> {
  const [action, name] = args;
  switch (action) {
    case "list":
      return await list(flags);
    case "next":
      return await next(flags);
    case "run":
      if (name === undefined) throw new ConfigError("Missing: the task's name");
      return await run(name, flags);
    case "results":
      return await showResults(flags, { kind: "task", name });
    default:
      throw new ConfigError(
        `Unknown: tasks ${action}. clara-gateway tasks --help says what there is.`,
      );
  }
}

async function list(flags: Flags): Promise<number> {
  const found = await ifRunning(
    () => askAdmin(flags, { path: "/tasks" }),
    async () => ({
      tasks: (await fileTasks(flags)).map((task) => taskView(task.status(Date.now()))),
    }),
  );
  const rows = found.tasks as readonly AdminAnswer[];
  if (flags.json) console.log(jsonText(rows));
  else if (rows.length === 0) console.log("There are no tasks.");
  else {
    const head = ["NAME", "SCHEDULE", "STATE", "RUNS", "LAST RUN", "NEXT RUN", "DESCRIPTION"];
    console.log(table([
      head,
      ...rows.map((task) => [
        String(task.name),
        String(task.schedule),
        task.enabled ? task.running ? "running" : "on" : "off",
        String(task.run_count),
        String(task.last_run ?? "-"),
        String(task.next_run ?? "-"),
        String(task.description),
      ]),
    ]));
  }
  return 0;
}

async function next(flags: Flags): Promise<number> {
  const count = 10;
  const found = await ifRunning(
    () => askAdmin(flags, { path: `/tasks/next?count=${count}` }),
    async () => {
      const times = (await fileTasks(flags)).flatMap((task) => task.upcoming(Date.now(), count));
      const first = times.sort((a, b) => a.fireAt - b.fireAt).slice(0, count);
      return {
        next: first.map(({ name, fireAt }) => ({ name, fire_at: isoTime(fireAt) })),
      };
    },
  );
  const times = found.next as readonly { readonly name: string; readonly fire_at: string }[];
  if (flags.json) console.log(jsonText(times));
  else if (times.length === 0) console.log("No task comes.");
  else console.log(table(times.map(({ name, fire_at }) => [fire_at, localTime(fire_at), name])));
  return 0;
}

async function run(name: string, flags: Flags): Promise<number> {
  const path = `/tasks/${encodeURIComponent(name)}/run`;
  const result = await askAdmin(flags, { path, body: {} });
  if (flags.json) console.log(jsonText(result));
  else console.log(runLines(result));
  return result.ok ? 0 : 1;
}

/** The tasks of the file, as a gateway that starts now would see them for the first time. */
async function fileTasks(flags: Flags): Promise<readonly ScheduledTask[]> {
  const path = join(readConfig(flags).schedulerDir, "scheduler.yaml");
  const text = await readIfPresent(path);
  const found = text === undefined ? [] : await parseSchedulerFile(text, path);
  return found.map((task) => {
    return new ScheduledTask({
      task,
      source: path,
      state: { ...ScheduledTask.keyOf(task), anchorAt: Date.now(), runCount: 0 },
      queue: { run: () => Promise.resolve(undefined), onSkip: () => {} },
    });
  });
}

function localTime(iso: string): string {
  return new Date(iso).toLocaleString("sv-SE", { timeZoneName: "short" });
}
