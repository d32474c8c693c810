/** A hook runner with a store and a folder of its own, for tests. */

import { join } from "node:path";
import { EventBus, type GatewayEvent } from "../../../src/domain/events.ts";
import type { Hook, HookAction } from "../../../src/automation/hooks/hook.ts";
import type { HookEvent } from "../../../src/automation/hooks/event.ts";
import { HookRunner, type HookRunnerOptions } from "../../../src/automation/hooks/runner.ts";
import { SqliteStore } from "../../../src/store/sqlite/store.ts";
import { AwaitableList } from "../../support/awaitable_list.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";
import { hookOf } from "./sample_hook.ts";

export class HookRunnerFixture implements AsyncDisposable {
  readonly events = new EventBus();
  /** All events, including hook:error. */
  readonly emitted = new AwaitableList<GatewayEvent>();
  readonly folder = new TempFolder("clara_hooks_");
  readonly store: SqliteStore;
  readonly runner: HookRunner;

  constructor(options: Partial<HookRunnerOptions> = {}) {
    this.store = SqliteStore.open(join(this.folder.path, "data"));
    this.events.subscribe((event) => this.emitted.add(event));
    this.runner = new HookRunner({
      events: this.events,
      runs: this.store.runs,
      childEnvironment: { PATH: Deno.env.get("PATH") ?? "" },
      environment: () => undefined,
      concurrentHooks: 4,
      queuedHookEvents: 1_000,
      ...options,
    });
  }

  /** Replaces the hooks. */
  use(...hooks: readonly Partial<Hook>[]): void {
    this.runner.replace("hooks.yaml", hooks.map(hookOf));
  }

  /** A command in the fixture's folder. */
  command(command: string, env: Readonly<Record<string, string>> = {}): HookAction {
    return { type: "command", command, workingDir: this.folder.path, env };
  }

  /** Emits `message:received`. */
  emit(requestId: string, content = ""): void {
    this.events.emit("message:received", {
      node_id: "node-1",
      platform: "test",
      user_id: "user-1",
      channel_id: "channel-1",
      request_id: requestId,
      content,
    });
  }

  /** Emits `gateway:shutdown`. */
  shutDown(): void {
    this.events.emit("gateway:shutdown", { reason: "test" });
  }

  /** Returns the lines of a file in the folder; none if it is missing. */
  lines(name: string): readonly string[] {
    try {
      return Deno.readTextFileSync(join(this.folder.path, name)).split("\n").slice(0, -1);
    } catch {
      return [];
    }
  }

  /** Creates an empty file. */
  touch(name: string): void {
    Deno.writeTextFileSync(join(this.folder.path, name), "");
  }

  /** Waits until this many runs of a hook are stored, and returns them, oldest first. */
  async runs(name: string, count: number) {
    const giveUpAt = Date.now() + 10_000;
    for (;;) {
      const found = await this.store.runs.recent({ kind: "hook", name, limit: 1_000 });
      if (found.length >= count) return found.toReversed();
      if (Date.now() > giveUpAt) throw new Error(`${found.length} of ${count} runs of ${name}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runner.stop();
    await this.store[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }
}

/** A function hook that records its events and returns once `until` is resolved. */
export function recordingHook(until: Promise<void> = Promise.resolve()) {
  const got = new AwaitableList<HookEvent>();
  const action: HookAction = {
    type: "function",
    run: async (event) => {
      got.add(event);
      await until;
    },
  };
  return {
    got,
    action,
    /** The request ids of its events, or the names of other events. */
    ids: () => got.items.map(({ request_id, type }) => request_id ?? type),
  };
}
