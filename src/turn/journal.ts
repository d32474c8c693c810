/** A turn's journal in the store, under the turn's claim. Made by the processor for the orchestrator. */

import type { TurnJournal } from "./tool_round.ts";
import type { ToolResult, ToolRound } from "../domain/tool_call.ts";
import type { Claim } from "../domain/request.ts";
import type { RequestStore } from "../store/request_store.ts";
import type { TurnUsage } from "./usage.ts";

/** Another process has claimed the channel: this one must not go on with the turn. */
export class ClaimLostError extends Error {
  override readonly name = "ClaimLostError";

  constructor() {
    super("Another gateway has taken over the channel");
  }
}

export class ClaimJournal implements TurnJournal {
  readonly join: TurnJournal["join"];
  readonly #requests: Pick<RequestStore, "recordRound" | "recordResult">;
  readonly #claim: Claim;
  readonly #usage: TurnUsage;

  /** @param options.join brings in what has come meanwhile. */
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
    // A crash later in the turn loses none of what was used up to here.
    const usage = this.#usage.open();
    if (!await this.#requests.recordRound(this.#claim, { ...round, usage })) {
      throw new ClaimLostError();
    }
    this.#usage.kept(usage);
  }

  async recordResult(
    result: { readonly round: number; readonly position: number; readonly result: ToolResult },
  ): Promise<void> {
    if (!await this.#requests.recordResult(this.#claim, result)) throw new ClaimLostError();
  }
}
