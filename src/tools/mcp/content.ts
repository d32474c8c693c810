/** Converts the result of an MCP tool call to text for the model. Files are attached to the reply. */

import { Buffer } from "node:buffer";
import type { ReplyFile } from "../../domain/reply.ts";

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

/** Returns the content as text; files in it are passed to `sendFile`. */
export function formatContent(
  result: McpCallResult,
  sendFile: (file: ReplyFile) => void,
): string {
  const blocks = (result.content ?? []).map((block, index) => format(block, index + 1, sendFile));
  const text = blocks.join("\n");
  if (result.structuredContent === undefined) return text || "(no content)";
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
    default:
      return `[unsupported content: ${(block as { readonly type: string }).type}]`;
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
