/** Gateway processes on one data folder with a scheduler.yaml, for fault tests. */

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { GatewayProcess } from "../support/process/gateway_process.ts";
import type { LlmServer } from "../support/llm/server.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

export class SchedulerFolder implements AsyncDisposable {
  readonly #folder = new TempFolder("clara_scheduler_");

  /** The folder of scheduler.yaml, where its commands run. */
  get folder(): string {
    return this.#folder.path;
  }

  get dataDir(): string {
    return join(this.folder, "data");
  }

  /** Writes scheduler.yaml. */
  write(text: string): void {
    Deno.writeTextFileSync(join(this.folder, "scheduler.yaml"), text);
  }

  /** Starts a gateway on it. */
  start({ llm, env }: {
    readonly llm?: LlmServer;
    readonly env?: Readonly<Record<string, string>>;
  } = {}): Promise<GatewayProcess> {
    return GatewayProcess.start({
      dataDir: this.dataDir,
      env: {
        CLARA_SCHEDULER_DIR: this.folder,
        ...(llm && { OPENAI_API_KEY: "test-key", OPENAI_BASE_URL: llm.url }),
        ...env,
      },
    });
  }

  /** The lines of a file that commands write; none if it does not exist. */
  lines(name: string): readonly string[] {
    try {
      return Deno.readTextFileSync(join(this.folder, name)).split("\n").slice(0, -1);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  /** Resolves to a file's lines when there are at least `count`. */
  async waitForLines(name: string, count = 1): Promise<readonly string[]> {
    using watcher = Deno.watchFs(this.folder);
    if (this.lines(name).length >= count) return this.lines(name);
    for await (const _ of watcher) if (this.lines(name).length >= count) break;
    return this.lines(name);
  }

  /** Queries the database of a stopped gateway. */
  rows(sql: string): readonly Readonly<Record<string, unknown>>[] {
    return this.#database((database) => database.prepare(sql).all());
  }

  /** Makes all tasks older, as if the gateway had been stopped for this time. */
  ageTasks(ms: number): void {
    this.#database((database) =>
      database.exec(`UPDATE tasks SET anchor_at = anchor_at - ${ms}, cursor_at = cursor_at - ${ms}`)
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#folder[Symbol.asyncDispose]();
  }

  #database<T>(use: (database: DatabaseSync) => T): T {
    const database = new DatabaseSync(join(this.dataDir, "gateway.db"));
    try {
      return use(database);
    } finally {
      database.close();
    }
  }
}
