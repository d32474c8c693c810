/** What a tool is: the built-in ones and those of MCP servers take this form. */

import * as z from "zod";
import type { ChannelType, UserMessage } from "../domain/message.ts";
import { parseWith } from "../lib/schema.ts";
import type { ReplyFile } from "../domain/reply.ts";

/** What a tool may do to the world; the policy goes by it. */
export const toolRisks = ["read", "write", "execute", "network"] as const;
export type ToolRisk = typeof toolRisks[number];

/** On whose behalf a tool runs. */
export interface ToolContext {
  readonly nodeId: string;
  readonly platform: string;
  readonly requestId: string;
  readonly userId: string;
  readonly channelId: string;
  /** The channel's key over all platforms. */
  readonly channelKey: string;
  readonly channelType?: ChannelType;
  readonly sessionId: string;
  /** The message that is being answered. */
  readonly message: Pick<UserMessage, "user" | "channel" | "task">;
}

/** What a running tool is given beside its arguments. */
export interface ToolRun extends ToolContext {
  /** Aborts on cancel and on the tool's time-out. */
  readonly signal: AbortSignal;
  /** Sends a file along with the reply. */
  readonly sendFile: (file: ReplyFile) => void;
}

/** What a tool gives the model: text, or text that tells of a failure. */
export type ToolOutput = string | { readonly content: string; readonly isError: boolean };

/** Arguments that were read: their value, or what is wrong with them. */
export type ReadArguments = { readonly value: unknown } | { readonly problem: string };

/** A tool that a model may call. */
export interface Tool {
  readonly name: string;
  /** For the model: what it does and when to use it. */
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly risk: ToolRisk;
  /** One character for adapters that show it. */
  readonly emoji: string;
  /** Longest time of one call, milliseconds; the executor's default where it is missing. */
  readonly timeoutMs?: number;
  /** Checks arguments against the schema. */
  readonly read: (json: unknown) => ReadArguments;
  /** For people: what is being done, such as "Searching the history for “tea”". */
  readonly describe: (input: unknown) => string;
  /** Runs with arguments that `read` gave. What it throws is reported to the model. */
  readonly run: (input: unknown, run: ToolRun) => Promise<ToolOutput> | ToolOutput;
}

/** A tool as it is written: with a zod schema, from which types and JSON Schema follow. */
export interface ToolDefinition<Input extends z.ZodObject>
  extends Pick<Tool, "name" | "description" | "risk" | "emoji" | "timeoutMs"> {
  readonly input: Input;
  readonly describe: (input: z.output<Input>) => string;
  readonly run: (input: z.output<Input>, run: ToolRun) => Promise<ToolOutput> | ToolOutput;
}

/** Makes a tool of its definition. */
export function defineTool<Input extends z.ZodObject>(definition: ToolDefinition<Input>): Tool {
  const { input, describe, run, ...rest } = definition;
  let parameters: Tool["parameters"] | undefined;
  return {
    ...rest,
    // Made when a model is first told of it: the port opens without.
    get parameters() {
      return parameters ??= schemaOf(input);
    },
    read: (json) => parseWith(input, json),
    describe: (value) => describe(value as z.output<Input>),
    run: (value, context) => run(value as z.output<Input>, context),
  };
}

function schemaOf(input: z.ZodObject): Tool["parameters"] {
  const { $schema: _, ...schema } = z.toJSONSchema(input, { io: "input" });
  return schema;
}
