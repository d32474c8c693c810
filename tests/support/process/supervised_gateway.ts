/**
 * A gateway under a supervisor, as in production: whenever its process exits, another is started on
 * the same data folder.
 */

import { within } from "../deadline.ts";
import { GatewayProcess, type GatewayProcessOptions } from "./gateway_process.ts";

/** Options of each start; the data folder must outlive the processes. */
export type SupervisedGatewayOptions = GatewayProcessOptions & { readonly dataDir: string };

/** The gateway, whichever process it currently is. */
export class SupervisedGateway implements AsyncDisposable {
  /** Processes started so far. */
  starts = 0;
  /** Processes killed so far. */
  kills = 0;
  /** Unexpected exits, and errors in the log. */
  readonly problems: string[] = [];
  readonly #options: SupervisedGatewayOptions;
  readonly #over: Promise<void>;
  #spawned = Promise.withResolvers<GatewayProcess>();
  #listening = Promise.withResolvers<GatewayProcess>();
  #ended = Promise.withResolvers<void>();
  #expected = false;
  #stopping = false;

  constructor(options: SupervisedGatewayOptions) {
    this.#options = options;
    this.#over = this.#supervise();
  }

  /** Resolves to the process that listens, now or as soon as there is one. */
  listening(): Promise<GatewayProcess> {
    return within(this.#listening.promise, { timeoutMs: 60_000, what: "a gateway that listens" });
  }

  /** Resolves to the latest process, listening or not. */
  spawned(): Promise<GatewayProcess> {
    return within(this.#spawned.promise, { timeoutMs: 60_000, what: "the start of a gateway" });
  }

  /** Kills the current process with SIGKILL; another is started after it has exited. */
  async kill(): Promise<void> {
    const gateway = await this.spawned();
    const ended = this.#ended.promise;
    this.#expected = true;
    this.kills++;
    await gateway.kill("SIGKILL");
    await ended;
  }

  /** Stops the gateway for good and returns its exit code. */
  async stop(): Promise<number> {
    const gateway = await this.listening();
    this.#expected = this.#stopping = true;
    const { code } = await within(gateway.kill("SIGTERM"), {
      timeoutMs: 60_000,
      what: "the end of the gateway",
    });
    await this.#over;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      await this.kill();
    }
    await this.#over;
  }

  async #supervise(): Promise<void> {
    do {
      await using gateway = GatewayProcess.spawn(this.#options);
      this.starts++;
      this.#expected = false;
      this.#spawned.resolve(gateway);
      const listens = await gateway.listens().then(() => true, () => false);
      if (listens) this.#listening.resolve(gateway);
      const { code, signal } = await gateway.exited;
      this.#spawned = Promise.withResolvers();
      // If it never listened, those who wait for a listening process keep waiting.
      if (listens) this.#listening = Promise.withResolvers();
      this.#note(gateway.log, signal ?? `code ${code}`);
      this.#ended.resolve();
      this.#ended = Promise.withResolvers();
    } while (!this.#stopping);
    for (const { promise, reject } of [this.#listening, this.#spawned]) {
      promise.catch(() => {});
      reject(new Error("The gateway was stopped for good"));
    }
  }

  #note(log: readonly string[], end: string): void {
    if (!this.#expected) {
      this.problems.push(`it ended with ${end} by itself: ${log.slice(-5).join("\n")}`);
      // Do not restart a gateway that cannot start for ever.
      this.#stopping ||= this.problems.length > 5;
    }
    this.problems.push(...log.filter((line) => /"level":"(ERROR|FATAL)"/.test(line)));
  }
}
