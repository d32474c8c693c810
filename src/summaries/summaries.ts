/**
 * Summaries, made in the background by the low-tier model: one that goes along with a conversation and
 * stands for its older lines, and one of each session that is over. Nobody waits for them; a crash
 * loses no more than a request. The processor and the sessions say when there is something to do.
 */

import type { LlmClient } from "../llm/client.ts";
import type { Conversation } from "../domain/keys.ts";
import type { HistoryEntry, HistoryStore } from "../store/history_store.ts";
import type { Session } from "../store/session_store.ts";
import type { SummaryStore } from "../store/summary_store.ts";
import { BackgroundJobs } from "./background_jobs.ts";
import {
  keptSummary,
  linesToSumUp,
  lineTokens,
  newestLines,
  summaryPrompt,
} from "./summary_prompt.ts";

/** How many lines are looked at for one request. */
const linesAtOnce = 500;
/** The longest summary, tokens, and the largest share of the room for history that it may have. */
const maxTokens = 1_500;
const share = 1 / 4;
/** What it may have, however little room there is: one of a few words would say nothing. */
const minTokens = 100;
/** What a request carries beside the lines: what is asked, and the notes so far. */
const promptTokens = 300 + 2 * maxTokens;
/** The least that lines get in a request, however small the model's window is. */
const minAtOnce = 1_000;
/** The most, however large it is: such lines would wait for a long time for their summary. */
const mostAtOnce = 24_000;
/** A session of less (tokens) is not summed up. */
const minSessionTokens = 200;
/** How long after its end a session may still be summed up, milliseconds. */
const giveUpMs = 86_400_000;
const sessionsAtOnce = 50;

/** What {@linkcode Summaries} are given. */
export interface SummariesOptions {
  readonly store: SummaryStore;
  readonly history: Pick<HistoryStore, "oldest" | "forSession">;
  readonly llm: Pick<LlmClient, "complete">;
  /** Tokens (estimated) that a request to the low tier may have. */
  readonly inputTokens: () => number;
  /** Tokens that history may have in a context, whatever the model. */
  readonly historyTokens: number;
  readonly now?: () => number;
  readonly jobs?: BackgroundJobs;
}

/** A turn that is over. */
export interface EndedTurn {
  readonly conversation: Conversation;
  /** Tokens that the context usually has room for lines of history. */
  readonly historyRoom: number;
}

/** What a summary is made of. */
interface Material {
  readonly notes: string;
  readonly lines: readonly HistoryEntry[];
  readonly tokens: number;
}

export class Summaries implements AsyncDisposable {
  readonly #options: SummariesOptions;
  readonly #now: () => number;
  readonly #jobs: BackgroundJobs;

  constructor(options: SummariesOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#jobs = options.jobs ?? new BackgroundJobs();
  }

  /** A turn is over: where its conversation has outgrown its room, older lines are summed up. */
  afterTurn(turn: EndedTurn): void {
    const { historyTokens } = this.#options;
    if (historyTokens === 0) return;
    const room = Math.min(turn.historyRoom, historyTokens);
    const { channelKey, threadId } = turn.conversation;
    const name = threadId ? `${channelKey}, thread ${threadId}` : channelKey;
    this.#jobs.run(name, (signal) => this.#roll({ ...turn, room, signal }));
  }

  /** Sessions may have ended: sums up those that have no summary, also of an earlier run. */
  look(): void {
    if (this.#options.historyTokens === 0) return;
    this.#jobs.run("ended sessions", () => this.#look());
  }

  /** Gives up what is under way; the next start takes it up. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#jobs[Symbol.asyncDispose]();
  }

  async #roll(
    { conversation, room, signal }: EndedTurn & {
      readonly room: number;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    const { store, history } = this.#options;
    const tokens = tokensIn(room);
    const atOnce = this.#atOnce();
    for (;;) {
      const rolling = await store.rolling(conversation);
      const from = rolling?.coversTo ?? 0;
      const found = await history.oldest({
        conversation,
        after: from,
        limit: linesAtOnce,
        lineBytes: atOnce / 2,
      });
      const lines = linesToSumUp(found, { room, atOnce });
      if (lines.length === 0) return;
      const notes = rolling?.text ?? "";
      const text = await this.#sumUp({ notes, lines, tokens }, signal);
      const ids = lines.map(({ id }) => id);
      if (!await store.saveRolling({ conversation, text, from, lines: ids, now: this.#now() })) {
        return;
      }
    }
  }

  async #look(): Promise<void> {
    const { store } = this.#options;
    await store.giveUp({ endedBefore: this.#now() - giveUpMs });
    for (const session of await store.unsummarized({ limit: sessionsAtOnce })) {
      this.#jobs.run(`session ${session.id}`, (signal) => this.#sumUpSession(session, signal));
    }
  }

  async #sumUpSession(session: Session, signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    const { id: sessionId, channelKey, threadId, userId } = session;
    // It is looked for again while its summary is being made.
    if (!await store.isUnsummarized(sessionId)) return;
    const conversation = { channelKey, threadId };
    const rolling = await store.rollingForSession(sessionId);
    const atOnce = this.#atOnce();
    const all = await this.#linesOf(sessionId, { after: rolling?.coversTo ?? 0, atOnce });
    const lines = newestLines(all, { atOnce });
    const ids = lines.map(({ id }) => id);
    const size = lines.reduce((sum, line) => sum + lineTokens(line), 0);
    if (!rolling && size < minSessionTokens) {
      await store.saveSession({ sessionId, text: "", lines: ids });
      return;
    }
    const before = await store.lastSession({ conversation, userId });
    const notes = [before?.text, rolling?.text].filter(Boolean).join("\n");
    const tokens = tokensIn(this.#options.historyTokens);
    const text = await this.#sumUp({ notes, lines, tokens }, signal);
    await store.saveSession({ sessionId, text, lines: ids });
  }

  /** The newest lines of a session, about as many as one request takes. */
  async #linesOf(
    sessionId: string,
    { after, atOnce }: { readonly after: number; readonly atOnce: number },
  ): Promise<readonly HistoryEntry[]> {
    let lines: readonly HistoryEntry[] = [];
    for (let last = after;;) {
      const page = await this.#options.history.forSession({
        sessionId,
        after: last,
        limit: linesAtOnce,
        lineBytes: atOnce / 2,
      });
      lines = newestLines([...lines, ...page], { atOnce });
      if (page.length < linesAtOnce) return lines;
      last = page.at(-1)!.id;
    }
  }

  async #sumUp(material: Material, signal: AbortSignal): Promise<string> {
    const { tokens } = material;
    const { text } = await this.#options.llm.complete({
      tier: "low",
      messages: summaryPrompt(material),
      purpose: "summary",
      // It sums up many people's words; and whoever is forgotten meanwhile leaves no trace here.
      account: { userKey: "gateway", channelKey: "gateway" },
      signal,
    });
    return keptSummary(text, { tokens });
  }

  #atOnce(): number {
    const tokens = Math.min(mostAtOnce, this.#options.inputTokens() - promptTokens);
    return Math.max(minAtOnce, Math.floor(tokens));
  }
}

/** The longest summary where history has this room, tokens. */
function tokensIn(room: number): number {
  return Math.min(maxTokens, Math.max(minTokens, Math.floor(room * share)));
}
