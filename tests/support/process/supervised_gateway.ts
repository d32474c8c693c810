/**
 * A gateway under a supervisor, as in production: whenever its process ends another one is started on
 * the same data folder. Fault tests kill it and let adapters find their way back.
 */

import { within } from "../deadline.ts";
import { GatewayProcess, type GatewayProcessOptions } from "./gateway_process.ts";

/** How it is started each time; the data folder must outlive a process. */
export type SupervisedGatewayOptions = GatewayProcessOptions & { readonly dataDir: string };

/** The gateway, whichever process it is just now. */
export class SupervisedGateway implements AsyncDisposable {
  /** Processes that were started. */
  starts = 0;
  /** Processes that were killed. */
  kills = 0;
  /** What should not have happened: ends that nobody asked for, lines of the log that tell an error. */
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

  /** The process that listens, now or as soon as there is one. */
  listening(): Promise<GatewayProcess> {
    return within(this.#listening.promise, { timeoutMs: 60_000, what: "a gateway that listens" });
  }

  /** The process that was started last, whether or not it listens already. */
  spawned(): Promise<GatewayProcess> {
    return within(this.#spawned.promise, { timeoutMs: 60_000, what: "the start of a gateway" });
  }

  /** Kills the process with SIGKILL, wherever it is; another one is started when it has ended. */
  async kill(): Promise<void> {
    const gateway = await this.spawned();
    const ended = this.#ended.promise;
    this.#expected = true;
    this.kills++;
    await gateway.kill("SIGKILL");
    await ended;
  }

  /** Ends it in order, for good; gives the exit code. */
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
      // Whoever waits for one that listens goes on waiting where this one never did.
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
      // One that cannot start must not be started for ever.
      this.#stopping ||= this.problems.length > 5;
    }
    this.problems.push(...log.filter((line) => /"level":"(ERROR|FATAL)"/.test(line)));
  }
}
