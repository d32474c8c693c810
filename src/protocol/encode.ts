/** Encodes reply frames in the dialect of an adapter. */

import { isoTime } from "../lib/iso_time.ts";
import type { Clara1GatewayFrame } from "./clara1.ts";
import type { ClaraPyGatewayFrame } from "./clara_py.ts";
import type { Dialect } from "../domain/message.ts";
import type { ReplyFile, ReplyFrame } from "../domain/reply.ts";

/** A frame as sent on the wire. */
export type WireFrame = Clara1GatewayFrame | ClaraPyGatewayFrame;

/**
 * Encodes a reply frame.
 *
 * @param nextSeq returns the next sequence number of the adapter's session; called once per `clara-1` frame.
 * @returns the frame, or undefined if the dialect has no such frame.
 */
export function encodeReply(
  dialect: Dialect,
  frame: ReplyFrame,
  nextSeq: () => number,
): WireFrame | undefined {
  return dialect === "clara-1" ? toClara1(frame, nextSeq()) : toClaraPy(frame);
}

function toClara1(frame: ReplyFrame, seq: number): Clara1GatewayFrame {
  const request_id = frame.requestId;
  switch (frame.type) {
    case "start":
      return {
        type: "response_start",
        seq,
        request_id,
        response_id: frame.responseId,
        model: frame.model,
        tier: frame.tier,
      };
    case "chunk":
      return { type: "response_chunk", seq, request_id, content: frame.text, done: frame.done };
    case "tool_started":
    case "tool_finished":
      return {
        type: "tool_status",
        seq,
        request_id,
        tool_name: frame.toolName,
        call_id: frame.callId,
        step: frame.step,
        description: frame.description,
        ...(frame.type === "tool_started" ? { status: "running" } : {
          status: frame.success ? "completed" : "failed",
          duration_ms: frame.durationMs,
          output_preview: frame.outputPreview,
        }),
      };
    case "approval_asked":
      return {
        type: "approval_request",
        seq,
        request_id,
        approval_id: frame.approvalId,
        tool_name: frame.toolName,
        description: frame.description,
        arguments: frame.arguments,
        expires_at: isoTime(frame.expiresAt),
      };
    case "end":
      return {
        type: "response_end",
        seq,
        request_id,
        content: frame.text,
        files: frame.files.map(toWireFile),
        tool_count: frame.toolCount,
        usage: {
          input_tokens: frame.usage.inputTokens,
          output_tokens: frame.usage.outputTokens,
        },
        model: frame.model,
        finish_reason: frame.finishReason,
      };
    case "cancelled":
      return {
        type: "cancelled",
        seq,
        request_id,
        ...(frame.mergedInto !== undefined && { merged_into: frame.mergedInto }),
      };
    case "error":
      return {
        type: "error",
        seq,
        request_id,
        code: frame.code,
        message: frame.message,
        recoverable: frame.recoverable,
        ...(frame.details && { details: frame.details }),
      };
    case "proactive":
      return {
        type: "proactive_message",
        seq,
        request_id,
        user_id: frame.user.id,
        channel_id: frame.channel.id,
        ...(frame.channel.threadId && { thread_id: frame.channel.threadId }),
        content: frame.text,
        ...(frame.files.length > 0 && { files: frame.files.map(toWireFile) }),
        priority: frame.priority,
      };
  }
}

function toClaraPy(frame: ReplyFrame): ClaraPyGatewayFrame | undefined {
  const id = frame.responseId;
  const request_id = frame.requestId;
  switch (frame.type) {
    case "start":
      return { type: "response_start", id, request_id, model_tier: frame.tier };
    case "chunk":
      // The last, empty chunk has no counterpart in this dialect.
      if (frame.text === "") return undefined;
      return {
        type: "response_chunk",
        id,
        request_id,
        chunk: fitText(frame.text),
        // After a repeated start the adapter still has the text from before it.
        accumulated: frame.first ? fitText(frame.text) : null,
      };
    case "tool_started":
      return {
        type: "tool_start",
        id,
        request_id,
        tool_name: frame.toolName,
        step: frame.step,
        description: frame.description,
        emoji: frame.emoji,
      };
    case "tool_finished":
      return {
        type: "tool_result",
        id,
        request_id,
        tool_name: frame.toolName,
        success: frame.success,
        output_preview: frame.outputPreview,
        duration_ms: frame.durationMs,
      };
    case "approval_asked":
      // The Python system has no approvals.
      return undefined;
    case "end": {
      const { text, files } = fitReply(frame);
      return {
        type: "response_end",
        id,
        request_id,
        full_text: text,
        files: [],
        file_data: files.map(toWireFile),
        tool_count: frame.toolCount,
        tokens_used: frame.usage.inputTokens + frame.usage.outputTokens,
      };
    }
    case "cancelled":
      return { type: "cancelled", request_id };
    case "error":
      return {
        type: "error",
        request_id,
        code: frame.code,
        message: frame.message,
        recoverable: frame.recoverable,
      };
    case "proactive": {
      const { user, channel } = frame;
      return {
        type: "proactive_message",
        user: {
          id: user.id,
          platform_id: user.platformId ?? user.id,
          name: user.name ?? null,
          display_name: user.name ?? null,
        },
        channel: {
          id: channel.id,
          type: channel.type ?? "server",
          name: channel.name ?? null,
          guild_id: channel.serverId ?? null,
          guild_name: channel.serverName ?? null,
        },
        // This frame has no place for files.
        content: fitReply({ text: frame.text, files: frame.files }, 0).text,
        priority: frame.priority,
      };
    }
  }
}

/**
 * Bytes of a frame that the Python system's adapters accept: their WebSocket library closes the socket at 1 MiB. What
 * JSON adds by escaping is left room for.
 */
const maxClaraPyBytes = 1_000_000;
const encoder = new TextEncoder();

/** The bytes of a text inside JSON. */
function jsonBytes(text: string): number {
  return encoder.encode(JSON.stringify(text)).length;
}

/** A text that fits into a frame; what is cut off is said. */
function fitText(text: string, maxBytes = maxClaraPyBytes / 2): string {
  // Most are short, and are not measured.
  if (text.length * 6 <= maxBytes || jsonBytes(text) <= maxBytes) return text;
  let length = Math.floor(text.length * maxBytes / jsonBytes(text));
  while (length > 0 && jsonBytes(text.slice(0, length)) > maxBytes) {
    length = Math.floor(length * 0.9);
  }
  const more = text.length - length;
  return `${
    text.slice(0, length).toWellFormed()
  }\n[${more} more characters do not fit into this message]`;
}

/** A reply whose text and files fit into one frame; files that do not are named in the text. */
function fitReply(
  { text, files }: { readonly text: string; readonly files: readonly ReplyFile[] },
  maxFileBytes = maxClaraPyBytes - 20_000,
): { readonly text: string; readonly files: readonly ReplyFile[] } {
  const fitted = fitText(text);
  let left = maxFileBytes - (files.length > 0 ? jsonBytes(fitted) : 0);
  const sent: ReplyFile[] = [];
  const notes: string[] = [];
  for (const file of files) {
    const bytes = file.base64.length + 500;
    if (bytes <= left) {
      left -= bytes;
      sent.push(file);
    } else notes.push(`[The file "${file.filename}" is too large for this chat and was not sent.]`);
  }
  return { text: [fitted, ...notes].filter((part) => part !== "").join("\n\n"), files: sent };
}

function toWireFile(file: ReplyFile) {
  return { filename: file.filename, content_base64: file.base64, media_type: file.mediaType };
}
