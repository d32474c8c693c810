/** Parses `scheduler.yaml`, and the tasks that plugins define. */

import { dirname, resolve } from "node:path";
import * as z from "zod";
import * as fields from "../command/fields.ts";
import { parseYaml } from "../../lib/yaml.ts";
import { parseCron } from "./fire_times.ts";
import { missedPolicies, type Schedule, type Task, type TaskAction, taskOverlaps } from "./task.ts";

const maxSeconds = 10 * 365 * 86_400;
const seconds = z.number().positive().max(maxSeconds);
const delay = z.number().nonnegative().max(maxSeconds).optional();
/** An id may be a number unless it is too long: YAML would round it to the id of something else. */
const id = z.union([
  z.string().min(1).max(256),
  z.number().refine(Number.isSafeInteger).transform(String),
], "expected a text of at most 256 characters; a long number in quotes");

const common = {
  name: fields.name,
  description: z.string().default(""),
  enabled: z.boolean().default(true),
  command: fields.command.optional(),
  prompt: z.string().refine((text) => text.trim() !== "", "expected a text").optional(),
  platform: id.optional(),
  channel: id.optional(),
  user: id.optional(),
  node: id.optional(),
  timeout: fields.seconds.default(300),
  working_dir: z.string().min(1).optional(),
  env: fields.env.default({}),
  overlap: z.enum(taskOverlaps).default("skip"),
};

const interval = z.strictObject({
  ...common,
  type: z.literal("interval"),
  interval: seconds.min(1),
  delay,
  missed: z.enum(missedPolicies).default("skip"),
});

const cron = z.strictObject({
  ...common,
  type: z.literal("cron"),
  cron: z.string(),
  timezone: z.string().optional(),
  missed: z.enum(missedPolicies).default("skip"),
});

const oneShot = z.strictObject({
  ...common,
  type: z.literal("one_shot"),
  run_at: z.iso.datetime({ offset: true, local: true, error: "expected a time in ISO 8601" })
    .optional(),
  delay,
  missed: z.enum(missedPolicies).default("once"),
});

type Entry = z.output<typeof interval> | z.output<typeof cron> | z.output<typeof oneShot>;

const entry = z.discriminatedUnion("type", [interval, cron, oneShot]).superRefine(
  (entry: Entry, context) => {
    const problem = (key: string, message: string) =>
      context.addIssue({ code: "custom", path: [key], message });
    if ((entry.command === undefined) === (entry.prompt === undefined)) {
      problem("command", 'expected either "command" or "prompt"');
    }
    for (const key of ["platform", "channel"] as const) {
      if (entry.prompt !== undefined && entry[key] === undefined) {
        problem(key, 'expected "platform" and "channel", which say where the prompt goes');
      }
    }
    if (entry.type === "one_shot" && (entry.run_at === undefined) === (entry.delay === undefined)) {
      problem("run_at", 'expected either "run_at" or "delay"');
    }
    if (entry.type !== "cron") return;
    try {
      parseCron(entry.cron, entry.timezone);
    } catch (error) {
      const { message } = error as Error;
      problem(message.includes("time zone") ? "timezone" : "cron", message);
    }
  },
);

/** The content of the file. */
export const schedulerFileSchema = z.strictObject({
  tasks: z.array(entry).nullish().transform((tasks) => tasks ?? []).superRefine(
    fields.assertUniqueNames,
  ),
});

/** Checks a plugin's task. @throws {Error} with the field and the expected value. */
export function readPluginTask(
  definition: unknown,
  run: Extract<TaskAction, { type: "function" }>["run"],
): Task {
  // The schema requires a command; the function replaces it.
  const result = entry.safeParse({ ...definition as object, command: "function" });
  if (!result.success) {
    const { name } = { ...definition as { readonly name?: unknown } };
    const which = typeof name === "string" ? ` "${name}"` : "";
    throw new Error(`Cannot add task${which}: ${fields.definitionProblem(result.error)}`);
  }
  if (typeof run !== "function") throw new Error("Cannot add task: expected a function");
  return { ...toTask(result.data, "."), action: { type: "function", run } };
}

/**
 * Parses a `scheduler.yaml`. Relative working directories start at the file's folder.
 *
 * @param path names the file in errors.
 * @throws {ConfigError} with file, line, key and the expected value.
 */
export async function parseSchedulerFile(text: string, path: string): Promise<readonly Task[]> {
  const folder = dirname(resolve(path));
  return (await parseYaml(text, { schema: schedulerFileSchema, path })).tasks.map((entry) =>
    toTask(entry, folder)
  );
}

function toTask(entry: Entry, folder: string): Task {
  const { name, description, enabled, timeout, overlap, missed, command, prompt } = entry;
  const { platform, channel, user, node } = entry;
  return {
    name,
    description,
    enabled,
    overlap,
    missed,
    timeoutMs: timeout * 1000,
    schedule: scheduleOf(entry),
    action: command !== undefined
      ? {
        type: "command",
        command,
        workingDir: resolve(folder, entry.working_dir ?? "."),
        env: entry.env,
      }
      : {
        type: "prompt",
        prompt: prompt!,
        target: { platform: platform!, channel: channel!, user, node },
      },
  };
}

function scheduleOf(entry: Entry): Schedule {
  switch (entry.type) {
    case "interval": {
      const { interval, delay } = entry;
      return {
        type: "interval",
        intervalMs: Math.round(interval * 1000),
        delayMs: delay === undefined ? undefined : Math.round(delay * 1000),
      };
    }
    case "cron":
      return { type: "cron", cron: entry.cron, timezone: entry.timezone };
    case "one_shot":
      return entry.run_at !== undefined
        ? { type: "one_shot", runAt: new Date(entry.run_at).getTime() }
        : { type: "one_shot", delayMs: Math.round(entry.delay! * 1000) };
  }
}
