/**
 * Hooks, scheduled tasks, reminders and plugins: made, loaded, watched and stopped together. A part of
 * the gateway's wiring, used by it alone.
 */

import { join, resolve } from "node:path";
import type { CommandEnvironmentOptions } from "../automation/command/action.ts";
import type { GatewayConfig } from "../config/gateway_config.ts";
import { errorText } from "../lib/error_text.ts";
import type { EventBus } from "../domain/events.ts";
import type { Hook } from "../automation/hooks/hook.ts";
import { HookRunner } from "../automation/hooks/runner.ts";
import { WatchedFile } from "../lib/watched_file.ts";
import { logger } from "../logging/log.ts";
import { Plugins } from "../automation/plugins/plugins.ts";
import type { PromptPort } from "../automation/scheduler/prompt.ts";
import { ReminderScheduler } from "../automation/scheduler/reminders.ts";
import { Scheduler } from "../automation/scheduler/scheduler.ts";
import type { Task } from "../automation/scheduler/task.ts";
import type { Store } from "../store/store.ts";
import type { ToolRegistry } from "../tools/registry.ts";

const log = logger("automation");

/** What {@linkcode Automation} is given. */
export interface AutomationOptions {
  readonly config: GatewayConfig;
  readonly store: Store;
  readonly events: EventBus;
  /** Plugins add their tools to it. */
  readonly registry: ToolRegistry;
  readonly prompts: PromptPort;
}

export class Automation {
  readonly hooks: HookRunner;
  readonly scheduler: Scheduler;
  readonly reminders: ReminderScheduler;
  readonly #plugins: Plugins;
  readonly #files: readonly WatchedFile[];

  constructor({ config, store, events, registry, prompts }: AutomationOptions) {
    const { runs, tasks } = store;
    const surroundings = commandEnvironmentOptions(config);
    this.hooks = new HookRunner({ ...surroundings, ...config.limits, events, runs });
    this.scheduler = new Scheduler({ ...surroundings, tasks, runs, prompts, events });
    this.reminders = new ReminderScheduler({ store: store.reminders, prompts, events });
    this.#plugins = new Plugins({
      folder: config.hooksDir,
      hooks: this.hooks,
      scheduler: this.scheduler,
      registry,
    });
    registry.addSource(this.#plugins);
    this.#files = [
      liveFile(join(config.hooksDir, "hooks.yaml"), async (text, path) => {
        this.hooks.replace(path, text === undefined ? [] : await readHooks(text, path));
      }),
      liveFile(join(config.schedulerDir, "scheduler.yaml"), async (text, path) => {
        const tasks = text === undefined ? [] : await readTasks(text, path);
        await this.scheduler.replace(path, tasks);
      }),
    ];
  }

  /** Reads the files, then the plugins. @throws {ConfigError} where a file is wrong. */
  async load(): Promise<void> {
    for (const file of this.#files) await file.load();
    await this.#plugins.load();
  }

  /** From now on runs tasks and watches the files. */
  async start(): Promise<void> {
    const { hooks } = this.hooks.figures();
    const tasks = this.scheduler.list().length;
    if (hooks + tasks > 0) log.info("Hooks: {hooks}, tasks: {tasks}", { hooks, tasks });
    for (const file of this.#files) file.watch();
    await this.scheduler.start();
    this.reminders.poll();
  }

  /** Reads the files again; gives what is wrong with them. */
  async reload(): Promise<readonly string[]> {
    const problems = await Promise.all(this.#files.map((file) => file.reload()));
    return problems.filter((problem) => problem !== undefined);
  }

  /** Begins no more tasks and reminders; those that run have until the end of the drain time. */
  async stopTasks(options: { readonly drainMs: number }): Promise<void> {
    await Promise.all([
      ...this.#files.map((file) => file[Symbol.asyncDispose]()),
      this.scheduler.stop(options),
      this.reminders.stop(),
    ]);
  }

  /** Lets the hooks of the end run to theirs. Called when no more events come. */
  async stopHooks(): Promise<void> {
    await this.hooks.stop().catch((error) =>
      log.error("Hooks did not end in order: {error}", { error: errorText(error) })
    );
  }
}

/** What the commands of hooks and tasks find around them. Also for trying them without a gateway. */
export function commandEnvironmentOptions(
  { childEnvironment, environment, dataDir }: GatewayConfig,
): CommandEnvironmentOptions {
  return {
    // Where there is room for what commands want to keep.
    childEnvironment: { ...childEnvironment, CLARA_DATA_DIR: resolve(dataDir) },
    environment,
  };
}

// What reads a file is loaded where there is one: most of a start's time goes into code.

async function readHooks(text: string, path: string): Promise<readonly Hook[]> {
  const { parseHooksFile } = await import("../automation/hooks/file.ts");
  return await parseHooksFile(text, path);
}

async function readTasks(text: string, path: string): Promise<readonly Task[]> {
  const { parseSchedulerFile } = await import("../automation/scheduler/file.ts");
  return await parseSchedulerFile(text, path);
}

/** A file whose content is put into force by `apply`; it may be missing. */
function liveFile(
  path: string,
  apply: (text: string | undefined, path: string) => Promise<void>,
): WatchedFile {
  return new WatchedFile({ path, log, apply: (text) => apply(text, path) });
}
