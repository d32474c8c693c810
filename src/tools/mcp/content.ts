/**
 * Converts the result of an MCP tool call to text for the model. Files are attached to the reply. The
 * tool has already run, so whatever the server returned is shown, valid or not.
 */

import { Buffer } from "node:buffer";
import type { ReplyFile } from "../../domain/reply.ts";
import { isObject } from "./json_rpc.ts";

/** A resource: text, or bytes in base64. */
export interface McpResource {
  readonly uri: string;
  readonly mimeType?: string;
  readonly text?: string;
  readonly blob?: string;
}

/** One content block of a result. */
export type McpContent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image" | "audio"; readonly data: string; readonly mimeType: string }
  | {
    readonly type: "resource_link";
    readonly uri: string;
    readonly name: string;
    readonly description?: string;
  }
  | { readonly type: "resource"; readonly resource: McpResource };

/** The result of a tool call. */
export interface McpCallResult {
  readonly content?: readonly McpContent[];
  readonly structuredContent?: unknown;
  readonly isError?: boolean;
}

/** Fields of a result that are not content. */
const otherFields = new Set(["content", "structuredContent", "isError", "_meta", "task"]);

/** Reads the result of a call. Never throws; invalid blocks become text. */
export function readCallResult(json: unknown): McpCallResult {
  if (!isObject(json)) return { content: readContent(json) };
  const structuredContent = json.structuredContent ?? undefined;
  let content = readContent(json.content);
  // Older servers return `toolResult`, others the bare value.
  const rest = Object.entries(json).filter(([name]) => !otherFields.has(name));
  if (content.length === 0 && structuredContent === undefined && rest.length > 0) {
    content = [{ type: "text", text: JSON.stringify(Object.fromEntries(rest)) }];
  }
  return {
    content,
    ...(structuredContent !== undefined && { structuredContent }),
    isError: json.isError === true || json.isError === "true",
  };
}

function readContent(json: unknown): readonly McpContent[] {
  if (json === undefined || json === null) return [];
  const blocks = Array.isArray(json) ? json : [json];
  return blocks.filter((block) => block !== null && block !== undefined).map(readBlock);
}

function readBlock(block: unknown): McpContent {
  const fallback: McpContent = { type: "text", text: textOf(block) };
  if (!isObject(block)) return fallback;
  const { type, text, data, mimeType, uri, name, description, resource } = block;
  switch (type) {
    case "image":
    case "audio":
      if (typeof data !== "string") break;
      return { type, ...readBytes(data, mimeType) };
    case "resource_link":
      if (typeof uri !== "string") break;
      return {
        type,
        uri,
        name: typeof name === "string" ? name : uri,
        ...(typeof description === "string" && { description }),
      };
    case "resource":
      if (isObject(resource)) return { type, resource: readResource(resource) };
  }
  if (type === "text" && (text === null || text === undefined)) return { type, text: "" };
  if (text !== undefined && text !== null) return { type: "text", text: textOf(text) };
  if (typeof type !== "string") return fallback;
  return { type: "text", text: `[unsupported content: ${type}]` };
}

function readResource(resource: Readonly<Record<string, unknown>>): McpResource {
  const { uri, mimeType, text, blob } = resource;
  return {
    uri: typeof uri === "string" ? uri : "(no URI)",
    ...(typeof mimeType === "string" && { mimeType }),
    ...(text !== undefined && text !== null && { text: textOf(text) }),
    ...(typeof blob === "string" && { blob: readBytes(blob, mimeType).data }),
  };
}

/** Removes a `data:` prefix and line breaks from base64. */
function readBytes(
  data: string,
  mimeType: unknown,
): { readonly data: string; readonly mimeType: string } {
  const prefix = /^data:([^;,]*)[^,]{0,100},/.exec(data);
  const type = typeof mimeType === "string" ? mimeType : prefix?.[1];
  return {
    data: data.slice(prefix?.[0].length ?? 0).replace(/\s+/g, ""),
    mimeType: type || "application/octet-stream",
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "";
}

/** Returns the content as text; files in it are passed to `sendFile`. */
export function formatContent(
  result: McpCallResult,
  sendFile: (file: ReplyFile) => void,
): string {
  const blocks = (result.content ?? []).map((block, index) => format(block, index + 1, sendFile));
  const text = blocks.join("\n");
  if (result.structuredContent === undefined) {
    return text || (result.isError ? "(an error without a message)" : "(no content)");
  }
  // The specification asks servers to repeat structured content as text; many do.
  const json = JSON.stringify(result.structuredContent);
  return sameJson(text, json) ? text : [text, json].filter(Boolean).join("\n");
}

function format(block: McpContent, number: number, sendFile: (file: ReplyFile) => void): string {
  switch (block.type) {
    case "text":
      return block.text;
    case "image":
    case "audio": {
      const { mimeType: mediaType, data: base64 } = block;
      const filename = `${block.type}-${number}.${extensionOf(mediaType)}`;
      sendFile({ filename, mediaType, base64 });
      return `[${block.type}: ${filename}, ${sizeOf(base64)}; it will be sent with your reply]`;
    }
    case "resource_link": {
      const { name, uri, description } = block;
      return `[resource: ${name}, ${uri}${description ? `: ${description}` : ""}]`;
    }
    case "resource": {
      const { resource } = block;
      if (resource.blob === undefined) {
        return `[resource: ${resource.uri}]\n${resource.text ?? ""}`;
      }
      const mediaType = resource.mimeType ?? "application/octet-stream";
      const last = resource.uri.split("/").pop()?.replace(/[^\w.-]+/g, "_");
      const filename = last || `resource-${number}.${extensionOf(mediaType)}`;
      sendFile({ filename, mediaType, base64: resource.blob });
      return `[resource: ${resource.uri}, ${sizeOf(resource.blob)}; ` +
        `it will be sent with your reply as ${filename}]`;
    }
  }
}

function extensionOf(mediaType: string): string {
  const extension = mediaType.split("/")[1]?.split(/[;+]/)[0] ?? "bin";
  return /^\w+$/.test(extension) ? extension : "bin";
}

function sizeOf(base64: string): string {
  return `${Buffer.byteLength(base64, "base64")} bytes`;
}

function sameJson(text: string, json: string): boolean {
  try {
    return JSON.stringify(JSON.parse(text)) === json;
  } catch {
    return false;
  }
}
