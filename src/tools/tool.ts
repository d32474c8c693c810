/** The interface of a tool. Built-in tools, plugins' tools and those of MCP servers implement it. */

import * as z from "zod";
import { platformKey } from "../domain/keys.ts";
import type { ChannelType, UserMessage } from "../domain/message.ts";
import type { ReplyFile } from "../domain/reply.ts";
import { type Parsed, parseWith } from "../lib/schema.ts";

/** What a tool can affect; policy rules refer to it. */
export const toolRisks = ["read", "write", "execute", "network"] as const;
export type ToolRisk = typeof toolRisks[number];

/** The user and channel that a tool runs for. */
export interface ToolContext {
  readonly nodeId: string;
  readonly platform: string;
  readonly requestId: string;
  readonly userId: string;
  readonly channelId: string;
  /** Identifies the channel across platforms. */
  readonly channelKey: string;
  readonly channelType?: ChannelType;
  readonly sessionId: string;
  /** The message being answered. */
  readonly message: Pick<UserMessage, "user" | "channel" | "task">;
}

/** What a running tool receives besides its arguments. */
export interface ToolRun extends ToolContext {
  /** Aborts on cancel and on the tool's time-out. */
  readonly signal: AbortSignal;
  /** Attaches a file to the reply. */
  readonly sendFile: (file: ReplyFile) => void;
}

/** The result for the model: text, or an error text. */
export type ToolOutput = string | { readonly content: string; readonly isError: boolean };

/** A tool that a model may call. */
export interface Tool {
  readonly name: string;
  /** Tells the model what the tool does and when to use it. */
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly risk: ToolRisk;
  /** One character, for adapters that show it. */
  readonly emoji: string;
  /** Time limit of one call, milliseconds. Default: the executor's. */
  readonly timeoutMs?: number;
  /** Validates arguments. */
  readonly parse: (json: unknown) => Parsed<unknown>;
  /** Tells people what the call does, such as "Searching the history for “tea”". */
  readonly describe: (input: unknown) => string;
  /** Runs with arguments that `parse` returned. Errors are reported to the model. */
  readonly run: (input: unknown, run: ToolRun) => Promise<ToolOutput> | ToolOutput;
}

/** A tool defined by a zod schema, which yields its types and its JSON Schema. */
export interface ToolDefinition<Input extends z.ZodObject>
  extends Pick<Tool, "name" | "description" | "risk" | "emoji" | "timeoutMs"> {
  readonly input: Input;
  readonly describe: (input: z.output<Input>) => string;
  readonly run: (input: z.output<Input>, run: ToolRun) => Promise<ToolOutput> | ToolOutput;
}

/** Creates a tool from its definition. */
export function defineTool<Input extends z.ZodObject>(definition: ToolDefinition<Input>): Tool {
  const { input, describe, run, ...fields } = definition;
  let parameters: Tool["parameters"] | undefined;
  return {
    ...fields,
    // Converted on first use, so that it does not delay the start of the gateway.
    get parameters() {
      return parameters ??= schemaOf(input);
    },
    parse: (json) => parseWith(input, json),
    describe: (value) => describe(value as z.output<Input>),
    run: (value, context) => run(value as z.output<Input>, context),
  };
}

function schemaOf(input: z.ZodObject): Tool["parameters"] {
  const { $schema: _, ...schema } = z.toJSONSchema(input, { io: "input" });
  return schema;
}

/** Identifies the user of a call across platforms. */
export function userKeyOf({ platform, userId }: Pick<ToolContext, "platform" | "userId">): string {
  return platformKey(platform, userId);
}

/** Shortens a text for {@linkcode Tool.describe}; an emoji counts as one character. */
export function shorten(text: string, maxChars: number): string {
  const characters = [...text];
  return characters.length <= maxChars ? text : `${characters.slice(0, maxChars - 1).join("")}…`;
}
