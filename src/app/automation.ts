/** Hooks, scheduled tasks, reminders and plugins: wired, loaded, watched and stopped together. */

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

/** Options of {@linkcode Automation}. */
export interface AutomationOptions {
  readonly config: GatewayConfig;
  readonly store: Store;
  readonly events: EventBus;
  /** Receives the tools of plugins. */
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
    const environment = commandEnvironmentOptions(config);
    this.hooks = new HookRunner({ ...environment, ...config.limits, events, runs });
    this.scheduler = new Scheduler({ ...environment, tasks, runs, prompts, events });
    this.reminders = new ReminderScheduler({ store: store.reminders, prompts, events });
    this.#plugins = new Plugins({
      folder: config.hooksDir,
      hooks: this.hooks,
      scheduler: this.scheduler,
      registry,
    });
    registry.addSource(this.#plugins);
    const hooksFile = join(config.hooksDir, "hooks.yaml");
    const tasksFile = join(config.schedulerDir, "scheduler.yaml");
    this.#files = [
      new WatchedFile({
        log,
        path: hooksFile,
        apply: async (text) => this.hooks.replace(hooksFile, await readHooks(text, hooksFile)),
      }),
      new WatchedFile({
        log,
        path: tasksFile,
        apply: async (text) => this.scheduler.replace(tasksFile, await readTasks(text, tasksFile)),
      }),
    ];
  }

  /** Reads the files, then loads the plugins. @throws {ConfigError} if a file is invalid. */
  async load(): Promise<void> {
    for (const file of this.#files) await file.load();
    await this.#plugins.load();
  }

  /** Starts running tasks and watching the files. */
  async start(): Promise<void> {
    const { hooks } = this.hooks.figures();
    const tasks = this.scheduler.list().length;
    if (hooks + tasks > 0) log.info("Hooks: {hooks}, tasks: {tasks}", { hooks, tasks });
    for (const file of this.#files) file.watch();
    await this.scheduler.start();
    this.reminders.poll();
  }

  /** Reads the files again. Resolves with what is wrong with them. */
  async reload(): Promise<readonly string[]> {
    const problems = await Promise.all(this.#files.map((file) => file.reload()));
    return problems.filter((problem) => problem !== undefined);
  }

  /** Starts no more tasks and reminders; running ones have until the end of the drain time. */
  async stopTasks(options: { readonly drainMs: number }): Promise<void> {
    await Promise.all([
      ...this.#files.map((file) => file[Symbol.asyncDispose]()),
      this.scheduler.stop(options),
      this.reminders.stop(),
    ]);
  }

  /** Waits for the hooks of the last events. Called when no more events are emitted. */
  async stopHooks(): Promise<void> {
    await this.hooks.stop().catch((error) =>
      log.error("Cannot stop the hooks cleanly: {error}", { error: errorText(error) })
    );
  }
}

/** The environment of hook and task commands. Also used to test them without a gateway. */
export function commandEnvironmentOptions(
  { childEnvironment, environment, dataDir }: GatewayConfig,
): CommandEnvironmentOptions {
  return {
    // So that commands have a place for files of their own.
    childEnvironment: { ...childEnvironment, CLARA_DATA_DIR: resolve(dataDir) },
    environment,
  };
}

// The parsers are loaded only if there is a file: loading code takes most of the start-up time.

async function readHooks(text: string | undefined, path: string): Promise<readonly Hook[]> {
  if (text === undefined) return [];
  const { parseHooksFile } = await import("../automation/hooks/file.ts");
  return await parseHooksFile(text, path);
}

async function readTasks(text: string | undefined, path: string): Promise<readonly Task[]> {
  if (text === undefined) return [];
  const { parseSchedulerFile } = await import("../automation/scheduler/file.ts");
  return await parseSchedulerFile(text, path);
}
