/**
 * Puts the scheduler's prompts into channels: as messages that nobody sent, whose replies go out
 * unasked. Takes the same way in as every message.
 */

import { GatewayError } from "../../domain/errors.ts";
import type { Channel, User, UserMessage } from "../../domain/message.ts";
import { platformKey } from "../../domain/keys.ts";
import type { Intake } from "../../queue/intake.ts";
import type { Prompt, PromptPort } from "./prompt.ts";
import type { PromptTarget } from "./task.ts";
import type { SessionStore } from "../../store/session_store.ts";

/** What a {@linkcode PromptSubmitter} is given. */
export interface PromptSubmitterOptions {
  readonly intake: Pick<Intake, "submit">;
  readonly sessions: Pick<SessionStore, "nodeForChannel">;
  /** The adapters of a platform that are connected. */
  readonly connected: (platform: string) => readonly string[];
}

/** Where a prompt goes, all of it known. */
interface Address {
  readonly nodeId: string;
  readonly platform: string;
  readonly user: User;
  readonly channel: Channel;
}

/** Whose prompt it is where a task names nobody. */
const nobody: User = { id: "scheduler", name: "Scheduler" };

export class PromptSubmitter implements PromptPort {
  readonly #options: PromptSubmitterOptions;

  constructor(options: PromptSubmitterOptions) {
    this.#options = options;
  }

  /** @throws {GatewayError} where the intake refuses it; {@linkcode Error} where no adapter is known. */
  async submit({ requestId, task, text, to, fallback }: Prompt): Promise<void> {
    const { nodeId, platform, user, channel } = "nodeId" in to ? to : await this.#addressOf(to);
    const message: UserMessage = {
      // It has none: the reply is put into the dialect of the adapter that it finds.
      dialect: "clara-1",
      requestId,
      user,
      channel,
      content: text,
      attachments: [],
      replyChain: [],
      priority: "normal",
      overlap: "queue",
      metadata: {},
      task: { name: task, fallback },
    };
    try {
      await this.#options.intake.submit({ nodeId, platform }, message);
    } catch (error) {
      // It was taken in before its text was changed; the store's claim did not follow in time.
      if (!(error instanceof GatewayError && error.code === "duplicate_conflict")) throw error;
    }
  }

  async #addressOf({ platform, channel, user, node }: PromptTarget): Promise<Address> {
    const nodeId = node ?? await this.#nodeOf(platform, channel);
    return { nodeId, platform, user: user ? { id: user } : nobody, channel: { id: channel } };
  }

  /** The adapter that carried the channel's newest session, or the platform's only one. */
  async #nodeOf(platform: string, channel: string): Promise<string> {
    const connected = this.#options.connected(platform);
    const known = await this.#options.sessions.nodeForChannel(platformKey(platform, channel));
    if (known !== undefined) return known;
    const [only, ...others] = connected;
    if (only !== undefined && others.length === 0) return only;
    throw new Error(
      only === undefined
        ? `No adapter of platform "${platform}" is connected, and none is known for channel ` +
          `"${channel}". Name it with "node".`
        : `${connected.length} adapters of platform "${platform}" are connected, and none is ` +
          `known for channel "${channel}". Name it with "node".`,
    );
  }
}
