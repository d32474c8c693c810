/**
 * Prompts: messages that tasks and reminders put into channels. They pass through the intake like every
 * message, and their replies go out as proactive messages.
 */

import { GatewayError } from "../../domain/errors.ts";
import type { Channel, User, UserMessage } from "../../domain/message.ts";
import { platformKey } from "../../domain/keys.ts";
import type { Intake } from "../../queue/intake.ts";
import type { SessionStore } from "../../store/session_store.ts";
import type { PromptTarget } from "./task.ts";

/** A complete address of a prompt. */
interface PromptAddress {
  readonly nodeId: string;
  readonly platform: string;
  readonly user: User;
  readonly channel: Channel;
}

/** A text for the model to answer in a channel. */
export interface Prompt {
  /** The idempotency key: the same id is answered only once. */
  readonly requestId: string;
  /** The task's name, for events. */
  readonly task: string;
  readonly text: string;
  /** Where it goes: as configured in a file, or as in the message that set a reminder. */
  readonly to: PromptTarget | PromptAddress;
  /** What is sent if the model fails. Default: nothing. */
  readonly fallback?: string;
}

/** Accepts prompts. When the promise resolves, the prompt is stored and will be answered. */
export interface PromptPort {
  submit(prompt: Prompt): Promise<void>;
}

/** Options of {@linkcode PromptSubmitter}. */
export interface PromptSubmitterOptions {
  readonly intake: Pick<Intake, "submit">;
  readonly sessions: Pick<SessionStore, "nodeForChannel">;
  /** Returns the connected nodes of a platform. */
  readonly connected: (platform: string) => readonly string[];
}

/** The user of a prompt whose task names none. */
const schedulerUser: User = { id: "scheduler", name: "Scheduler" };

export class PromptSubmitter implements PromptPort {
  readonly #options: PromptSubmitterOptions;

  constructor(options: PromptSubmitterOptions) {
    this.#options = options;
  }

  /** @throws {GatewayError} if the intake rejects it; {@linkcode Error} if no adapter is known. */
  async submit({ requestId, task, text, to, fallback }: Prompt): Promise<void> {
    const address = "nodeId" in to ? to : await this.#resolve(to);
    const { platform, user, channel } = address;
    const nodeId = await this.#presentNode(address);
    const message: UserMessage = {
      // No adapter sent this; its reply uses the dialect of whichever adapter delivers it.
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
      // It was accepted before with another text, but the run could not be claimed then.
      if (!(error instanceof GatewayError && error.code === "duplicate_conflict")) throw error;
    }
  }

  /**
   * The addressed node, or another connected one of its platform if it is away: the Python system's adapters have
   * another id after each restart. The node that last used the channel comes first.
   */
  async #presentNode({ nodeId, platform, channel }: PromptAddress): Promise<string> {
    const connected = this.#options.connected(platform);
    if (connected.length === 0 || connected.includes(nodeId)) return nodeId;
    const last = await this.#options.sessions.nodeForChannel(platformKey(platform, channel.id));
    return last !== undefined && connected.includes(last) ? last : connected[0]!;
  }

  async #resolve({ platform, channel, user, node }: PromptTarget): Promise<PromptAddress> {
    const nodeId = node ?? await this.#nodeForChannel(platform, channel);
    return {
      nodeId,
      platform,
      user: user ? { id: user } : schedulerUser,
      channel: { id: channel },
    };
  }

  /** Returns the node that carried the channel's last session, or the platform's only one. */
  async #nodeForChannel(platform: string, channel: string): Promise<string> {
    const connected = this.#options.connected(platform);
    const known = await this.#options.sessions.nodeForChannel(platformKey(platform, channel));
    if (known !== undefined) return known;
    const [only, ...others] = connected;
    if (only !== undefined && others.length === 0) return only;
    const found = only === undefined
      ? `no adapter of platform "${platform}" is connected`
      : `${connected.length} adapters of platform "${platform}" are connected`;
    throw new Error(
      `Cannot find the adapter for channel "${channel}": it has no session yet, and ${found}. ` +
        'Set "node".',
    );
  }
}
