/** What an MCP tool gives, in words for the model; what is not text goes out with the reply. */

import { Buffer } from "node:buffer";
import type { ReplyFile } from "../../domain/reply.ts";
import type { McpCallResult, McpContent } from "./types.ts";

/** The content as text. Files that it holds are handed to `sendFile`. */
export function formatContent(
  result: McpCallResult,
  sendFile: (file: ReplyFile) => void,
): string {
  const blocks = (result.content ?? []).map((block, index) => format(block, index + 1, sendFile));
  const text = blocks.join("\n");
  if (result.structuredContent === undefined) return text || "(no content)";
  // A server that gives structure should give the same as text, too; many do.
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
      const filename = `${block.type}-${number}.${endingOf(mediaType)}`;
      sendFile({ filename, mediaType, base64 });
      return `[${block.type}: ${filename}, ${sizeOf(base64)}; it goes out with your reply]`;
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
      const filename = last || `resource-${number}.${endingOf(mediaType)}`;
      sendFile({ filename, mediaType, base64: resource.blob });
      return `[resource: ${resource.uri}, ${sizeOf(resource.blob)}; ` +
        `it goes out with your reply as ${filename}]`;
    }
    default:
      return `[content of an unknown kind: ${(block as { readonly type: string }).type}]`;
  }
}

function endingOf(mediaType: string): string {
  const ending = mediaType.split("/")[1]?.split(/[;+]/)[0] ?? "bin";
  return /^\w+$/.test(ending) ? ending : "bin";
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
