/** Ten adapters of both dialects, a scripted model and a supervised gateway. */

import { join } from "node:path";
import { AdapterClient } from "../adapter/client.ts";
import { check, type CheckReport } from "./checker.ts";
import { within } from "../deadline.ts";
import { LlmServer } from "../llm/server.ts";
import { LoadAdapter } from "./adapter.ts";
import { loadReply, notePlugin } from "./script.ts";
import { Random } from "../random.ts";
import { SupervisedGateway } from "../process/supervised_gateway.ts";
import { Counter } from "./counter.ts";
import { TempFolder } from "../process/temp_folder.ts";

/** No limits on rates or attempts: the load exceeds them and the gateway is killed more often. */
const env = {
  OPENAI_API_KEY: "test-key",
  CLARA_MAX_ATTEMPTS: "1000000",
  CLARA_MAX_USER_MESSAGES_PER_MINUTE: "1000000",
  CLARA_MAX_ADAPTER_MESSAGES_PER_MINUTE: "1000000",
  CLARA_MAX_HISTORY_TOKENS: "100",
};

export class Load implements AsyncDisposable {
  readonly gateway: SupervisedGateway;
  /** Counts frames received by adapters. */
  readonly frames = new Counter();
  /** Counts tool starts seen by adapters. */
  readonly tools = new Counter();
  readonly adapters: readonly LoadAdapter[];
  readonly #folder = new TempFolder("clara_load_");
  readonly #llm = LlmServer.start({ script: loadReply });
  readonly #journal = join(this.#folder.path, "journal");
  readonly #dataDir = join(this.#folder.path, "data");
  readonly #running: Promise<unknown>;

  constructor(random: Random, options: { readonly env?: Readonly<Record<string, string>> } = {}) {
    const hooks = join(this.#folder.path, "hooks");
    Deno.mkdirSync(hooks);
    Deno.writeTextFileSync(this.#journal, "");
    Deno.writeTextFileSync(join(hooks, "note.js"), notePlugin(this.#journal));
    this.gateway = new SupervisedGateway({
      dataDir: this.#dataDir,
      env: { ...env, OPENAI_BASE_URL: this.#llm.url, CLARA_HOOKS_DIR: hooks, ...options.env },
    });
    this.adapters = Array.from({ length: 10 }, (_, index) =>
      new LoadAdapter({
        nodeId: `node-${index}`,
        platform: index < 7 ? "one" : "two",
        dialect: index < 7 ? "clara-1" : "clara-py",
        resumes: index < 4,
        channels: ["a", "b", "c", "d"],
        gateway: this.gateway,
        random: new Random(random.below(2 ** 31)),
        frames: this.frames,
        tools: this.tools,
        drops: index % 2 === 0 ? 10 : 0,
      }));
    this.#running = Promise.all(this.adapters.map((adapter) => adapter.run()));
    // `finish` reports the error.
    this.#running.catch(() => {});
  }

  /** Settles like `promise`, but rejects if an adapter fails. */
  async whileRunning<T>(promise: Promise<T>): Promise<T> {
    const failed = this.#running.then(() => promise);
    return await Promise.race([promise, failed]);
  }

  /** Lets everything in flight end, stops the gateway and checks all guarantees. */
  async finish(): Promise<CheckReport> {
    for (const adapter of this.adapters) adapter.finish();
    await within(this.#running, { timeoutMs: 120_000, what: "the end of all adapters" });
    await this.#collectUndelivered();
    const code = await this.gateway.stop();
    const report = check(this.adapters, { dataDir: this.#dataDir, journal: this.#journal });
    const problems = [...report.problems, ...this.gateway.problems];
    if (code !== 0) problems.push(`the gateway ended with code ${code}`);
    return { ...report, problems };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const adapter of this.adapters) adapter.finish();
    await this.gateway[Symbol.asyncDispose]();
    // After a failed test they would run on; without a gateway they end.
    await this.#running.catch(() => {});
    await this.#llm[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }

  /**
   * Replies that were read but not acknowledged arrive again and must be read. All adapters stay
   * connected meanwhile, because closing right after a reply leaves it unacknowledged.
   */
  async #collectUndelivered(): Promise<void> {
    const gateway = await this.gateway.listening();
    const undelivered = async () => {
      const { store } = await gateway.health() as { store: { undelivered: number } };
      return store.undelivered;
    };
    const collect = async () => {
      await using clients = new AsyncDisposableStack();
      for (const { options: { nodeId, platform, dialect } } of this.adapters) {
        const { url } = gateway;
        const client = clients.use(
          await AdapterClient.connect({ url, nodeId, platform, dialect }),
        );
        await client.ping();
      }
      while (await undelivered() > 0);
    };
    await within(collect(), { what: "the note of delivery of every reply" });
  }
}
