/** A text that nobody sent, to be answered in a channel: the port through which the scheduler speaks. */

import type { Channel, User } from "../../domain/message.ts";
import type { PromptTarget } from "./task.ts";

/** What is put into a channel. */
export interface Prompt {
  /** The idempotency key: the same one again is not answered again. */
  readonly requestId: string;
  /** The task's name, for those who watch. */
  readonly task: string;
  readonly text: string;
  /** Where it goes: as a file names it, or as a message that came from there has it. */
  readonly to: PromptTarget | {
    readonly nodeId: string;
    readonly platform: string;
    readonly user: User;
    readonly channel: Channel;
  };
  /** What is said where the model fails; without it nothing is. */
  readonly fallback?: string;
}

/** Takes prompts in. When the promise resolves the prompt is durable, and its reply will go out. */
export interface PromptPort {
  submit(prompt: Prompt): Promise<void>;
}
