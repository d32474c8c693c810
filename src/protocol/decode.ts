/**
 * Decodes the frames of adapters. Each frame is parsed and validated once, here; afterwards its types are
 * trusted.
 */

import type * as z from "zod";
import { GatewayError } from "../domain/errors.ts";
import * as clara1 from "./clara1.ts";
import * as claraPy from "./clara_py.ts";
import { type McpRequest, mcpRequests } from "./mcp_frames.ts";
import type { Attachment, Dialect, ReplyChainEntry, UserMessage } from "../domain/message.ts";

/** A frame from an adapter, independent of its dialect. */
export type AdapterFrame =
  | z.output<typeof clara1.register>
  | { readonly type: "message"; readonly message: UserMessage }
  | z.output<typeof clara1.cancel>
  | z.output<typeof clara1.ack>
  | z.output<typeof clara1.ping>
  | z.output<typeof clara1.status>
  | z.output<typeof clara1.approvalResponse>
  | McpRequest;

/** As in the schema of ids. */
const maxIdCharacters = 256;

const frames = { ...clara1.adapterFrames, ...mcpRequests } as const;

/**
 * Decodes a frame.
 *
 * @throws {GatewayError} `invalid_json`, `invalid_message` or `unknown_type`, with the request id if the
 * frame has one.
 */
export function decodeFrame(text: string): AdapterFrame {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch (error) {
    throw new GatewayError("invalid_json", `Cannot read frame: ${(error as Error).message}`, {
      recoverable: true,
    });
  }
  if (!isObject(frame)) {
    throw new GatewayError(
      "invalid_message",
      `Cannot read frame: expected a JSON object, found ${kindOf(frame)}`,
      { recoverable: true },
    );
  }
  const { type } = frame;
  if (typeof type !== "string") {
    throw invalid(frame, `"type": expected string, found ${kindOf(type)}`);
  }
  if (type === "message") return { type, message: assertContent(decodeMessage(frame), frame) };
  if (Object.hasOwn(frames, type)) {
    return parse(frames[type as keyof typeof frames], frame) as AdapterFrame;
  }
  throw new GatewayError(
    "unknown_type",
    `Cannot read frame: unknown "type" ${quote(type)}; expected one of ${
      Object.keys(frames).join(", ")
    }`,
    { recoverable: true, requestId: requestIdOf(frame) },
  );
}

/** Detects the dialect of a `message`: only `clara-py` has the objects `user` and `channel`. */
function dialectOf(frame: Record<string, unknown>): Dialect {
  if (isObject(frame.user) || isObject(frame.channel)) return "clara-py";
  const clara1Field = "request_id" in frame || "user_id" in frame || "channel_id" in frame;
  return "id" in frame && !clara1Field ? "clara-py" : "clara-1";
}

function decodeMessage(frame: Record<string, unknown>): UserMessage {
  if (dialectOf(frame) === "clara-py") return fromClaraPy(parse(claraPy.message, frame));
  return fromClara1(parse(clara1.message, frame));
}

/** Rejects a message without content, which could not be answered. */
function assertContent(message: UserMessage, frame: Record<string, unknown>): UserMessage {
  const { content, attachments, reset, dialect } = message;
  if (content.trim() !== "" || attachments.length > 0 || reset) return message;
  // The Python system's adapters cut the mention out of "@Clara": somebody only called her.
  if (dialect === "clara-py") return { ...message, content: "Hello" };
  throw invalid(frame, '"content": expected text, or an attachment');
}

function fromClara1(frame: z.output<typeof clara1.message>): UserMessage {
  return {
    dialect: "clara-1",
    requestId: frame.request_id,
    user: { id: frame.user_id, name: frame.user_name || undefined },
    channel: {
      id: frame.channel_id,
      type: frame.channel_type ?? undefined,
      name: frame.channel_name || undefined,
      threadId: frame.thread_id ?? undefined,
    },
    content: frame.content,
    attachments: (frame.attachments ?? []).map(fromAttachment),
    replyChain: (frame.reply_chain ?? []).map(fromReplyChain),
    priority: frame.priority ?? "normal",
    overlap: frame.overlap ?? undefined,
    tier: frame.tier_override ?? undefined,
    metadata: frame.metadata ?? {},
    ...(wantsReset(frame, frame.reset) && { reset: true }),
  };
}

function fromClaraPy(frame: z.output<typeof claraPy.message>): UserMessage {
  return {
    dialect: "clara-py",
    requestId: frame.id,
    user: {
      id: frame.user.id,
      platformId: frame.user.platform_id,
      name: frame.user.display_name || frame.user.name || undefined,
    },
    channel: {
      id: frame.channel.id,
      type: frame.channel.type,
      name: frame.channel.name || undefined,
      serverId: frame.channel.guild_id ?? undefined,
      serverName: frame.channel.guild_name || undefined,
    },
    content: frame.content,
    attachments: (frame.attachments ?? []).map(fromAttachment),
    replyChain: (frame.reply_chain ?? []).map(fromReplyChain),
    priority: "normal",
    tier: frame.tier_override ?? undefined,
    metadata: frame.metadata ?? {},
    ...(wantsReset(frame) && { reset: true }),
  };
}

/** A user asks for a reset with `/new`, an adapter with a field of the message or its metadata. */
function wantsReset(
  { content, metadata }: {
    readonly content: string;
    readonly metadata?: Readonly<Record<string, unknown>> | null;
  },
  reset?: boolean | null,
): boolean {
  return reset === true || metadata?.reset === true || content.trim().toLowerCase() === "/new";
}

function fromAttachment(wire: z.output<typeof clara1.attachment>): Attachment {
  return {
    type: wire.type,
    filename: wire.filename,
    mediaType: wire.media_type ?? undefined,
    base64: wire.base64_data ?? undefined,
    text: wire.content ?? undefined,
    size: wire.size ?? undefined,
  };
}

function fromReplyChain(wire: z.output<typeof clara1.replyChainEntry>): ReplyChainEntry {
  return {
    role: wire.role,
    content: wire.content,
    userId: wire.user_id ?? undefined,
    userName: wire.user_name || undefined,
  };
}

function parse<Schema extends z.ZodType>(
  schema: Schema,
  frame: Record<string, unknown>,
): z.output<Schema> {
  const result = schema.safeParse(frame);
  if (result.success) return result.data;
  throw invalid(frame, result.error.issues.slice(0, 5).map(issueText).join("; "));
}

function invalid(frame: Record<string, unknown>, what: string): GatewayError {
  const type = typeof frame.type === "string" ? ` ${quote(frame.type)}` : "";
  return new GatewayError("invalid_message", `Cannot read frame${type}: ${what}`, {
    recoverable: true,
    requestId: requestIdOf(frame),
  });
}

/** Describes a zod issue: the field's path, what was expected, what was found. */
function issueText(issue: z.core.$ZodIssue): string {
  const path = issue.path.map(String).join(".");
  return `"${path}": ${issue.message.replace(/^Invalid (input|option|string): /, "")}`;
}

function requestIdOf(frame: Record<string, unknown>): string | undefined {
  for (const candidate of [frame.request_id, frame.id]) {
    if (typeof candidate !== "string" || candidate.length > 2 * maxIdCharacters) continue;
    // Count characters as the schema does; one outside the basic plane has two UTF-16 units.
    if ([...candidate].length <= maxIdCharacters) return candidate;
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}

/** Quotes a value and shortens it. */
function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
