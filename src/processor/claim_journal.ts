/** A turn's journal in the store, under the turn's claim. Made by the processor for the orchestrator. */

import type { TurnJournal } from "../orchestrator/tool_round.ts";
import type { Claim, RequestStore, ToolCall, ToolResult } from "../store/request_store.ts";

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

  /** @param options.join brings in what has come meanwhile. */
  constructor(
    requests: Pick<RequestStore, "recordRound" | "recordResult">,
    { claim, join }: { readonly claim: Claim; readonly join: TurnJournal["join"] },
  ) {
    this.#requests = requests;
    this.#claim = claim;
    this.join = join;
  }

  async recordRound(
    round: { readonly index: number; readonly text: string; readonly calls: readonly ToolCall[] },
  ): Promise<void> {
    if (!await this.#requests.recordRound(this.#claim, round)) throw new ClaimLostError();
  }

  async recordResult(
    result: { readonly round: number; readonly position: number; readonly result: ToolResult },
  ): Promise<void> {
    if (!await this.#requests.recordResult(this.#claim, result)) throw new ClaimLostError();
  }
}
