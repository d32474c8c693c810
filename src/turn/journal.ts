/** The journal of a turn's tool rounds, so that no tool runs twice. */

import type { Claim } from "../domain/request.ts";
import type { ToolResult, ToolRound } from "../domain/tool_call.ts";
import type { LlmMessage } from "../llm/client.ts";
import type { RequestStore } from "../store/request_store.ts";
import type { TurnUsage } from "./state.ts";

/** Records calls before they run, and results after. A method that cannot record throws. */
export interface TurnJournal {
  recordRound(
    round: Pick<ToolRound, "text" | "calls" | "origin"> & { readonly index: number },
  ): Promise<void>;
  recordResult(
    result: { readonly round: number; readonly position: number; readonly result: ToolResult },
  ): Promise<void>;
  /** The messages that join the turn after a round, now (`fresh`) or in an earlier attempt. */
  join(round: number, options: { readonly fresh: boolean }): Promise<readonly LlmMessage[]>;
}

/** Another process has claimed the channel; this one must not continue the turn. */
export class ClaimLostError extends Error {
  override readonly name = "ClaimLostError";

  constructor() {
    super("Another gateway has taken over the channel");
  }
}

/** A journal in the store, written under the turn's claim. */
export class ClaimJournal implements TurnJournal {
  readonly join: TurnJournal["join"];
  readonly #requests: Pick<RequestStore, "recordRound" | "recordResult">;
  readonly #claim: Claim;
  readonly #usage: TurnUsage;

  constructor(
    requests: Pick<RequestStore, "recordRound" | "recordResult">,
    { claim, usage, join }: {
      readonly claim: Claim;
      readonly usage: TurnUsage;
      readonly join: TurnJournal["join"];
    },
  ) {
    this.#requests = requests;
    this.#claim = claim;
    this.#usage = usage;
    this.join = join;
  }

  async recordRound(
    round: Pick<ToolRound, "text" | "calls" | "origin"> & { readonly index: number },
  ): Promise<void> {
    // A crash later in the turn loses none of the usage up to here.
    const usage = this.#usage.pending();
    if (!await this.#requests.recordRound(this.#claim, { ...round, usage })) {
      throw new ClaimLostError();
    }
    this.#usage.stored(usage);
  }

  async recordResult(
    result: { readonly round: number; readonly position: number; readonly result: ToolResult },
  ): Promise<void> {
    if (!await this.#requests.recordResult(this.#claim, result)) throw new ClaimLostError();
  }
}
