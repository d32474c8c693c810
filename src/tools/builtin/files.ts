/** The tools for files: `create_file`, and `list_`, `read_`, `save_`, `delete_` and `send_file`. */

import { Buffer } from "node:buffer";
import * as z from "zod";
import { byteSize } from "../../lib/bytes.ts";
import { isoTime } from "../../lib/iso_time.ts";
import { defineTool, type Tool, userKeyOf } from "../tool.ts";
import type { UserFiles } from "../user_files.ts";

const filename = z.string().min(1).max(255);

/** Creates a text file that is attached to the reply. Nothing is written to disk. */
export function createFile(): Tool {
  return defineTool({
    name: "create_file",
    description: "Creates a text file (code, notes, CSV, …) and attaches it to your reply.",
    input: z.object({
      // A refinement, since some providers refuse patterns in a schema.
      filename: filename.refine(
        (name) => /^(?!\.{1,2}$)[^/\\\p{Cc}]+$/u.test(name),
        "expected a name without a folder",
      ),
      content: z.string().describe("The complete text of the file"),
    }),
    risk: "read",
    emoji: "📄",
    describe: ({ filename }) => `Writing ${filename}`,
    run: ({ filename, content }, { sendFile }) => {
      const bytes = Buffer.from(content, "utf8");
      sendFile({
        filename,
        base64: bytes.toString("base64"),
        mediaType: mediaTypeOf(filename) ?? "text/plain",
      });
      return `"${filename}" (${bytes.length} bytes) will be sent with your reply.`;
    },
  });
}

/** Lists the user's files. */
export function listFiles(files: Pick<UserFiles, "list">): Tool {
  return defineTool({
    name: "list_files",
    description: "Lists the current user's saved files, with size and date.",
    input: z.object({}),
    risk: "read",
    emoji: "🗂️",
    describe: () => "Listing your files",
    run: async (_, run) => {
      const found = await files.list(userKeyOf(run));
      if (found.length === 0) return "This user has no saved files.";
      const total = byteSize(found.reduce((sum, { size }) => sum + size, 0));
      const lines = found.map(({ name, size, modifiedAt }) =>
        `${name} (${byteSize(size)}, ${isoTime(modifiedAt)})`
      );
      return [...lines, `${found.length === 1 ? "1 file" : `${found.length} files`}, ${total}`]
        .join("\n");
    },
  });
}

/** Reads one of the user's text files, in parts. */
export function readFile(files: Pick<UserFiles, "read">): Tool {
  return defineTool({
    name: "read_file",
    description: "Reads one of the current user's saved text files. A long file comes in parts: " +
      "pass offset to continue.",
    input: z.object({
      filename,
      offset: z.number().int().min(0).default(0).describe("Characters to skip"),
      limit: z.number().int().min(1).max(40_000).default(20_000).describe("Characters to read"),
    }),
    risk: "read",
    emoji: "📖",
    describe: ({ filename }) => `Reading ${filename}`,
    run: async ({ filename, offset, limit }, run) => {
      const text = toText(filename, await files.read(userKeyOf(run), filename));
      if (text === "") return `"${filename}" is empty.`;
      if (offset >= text.length) {
        throw new Error(`Cannot continue: "${filename}" has only ${text.length} characters`);
      }
      const end = Math.min(offset + limit, text.length);
      const part = text.slice(offset, end);
      if (end === text.length) return part;
      return `${part}\n[${text.length - end} of ${text.length} characters are left; ` +
        `continue with offset ${end}.]`;
    },
  });
}

function toText(filename: string, bytes: Uint8Array): string {
  try {
    if (!bytes.includes(0)) return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    // Not UTF-8.
  }
  throw new Error(
    `Cannot read "${filename}": its ${byteSize(bytes.length)} are not text; use send_file`,
  );
}

/** Saves a text file for the user. */
export function saveFile(files: Pick<UserFiles, "save">): Tool {
  return defineTool({
    name: "save_file",
    description: "Saves a text file for the current user, for later conversations. Replaces a " +
      "file of the same name. Does not send it; use send_file for that.",
    input: z.object({
      filename: filename.describe("A name without a folder"),
      content: z.string().describe("The complete text of the file"),
    }),
    risk: "write",
    emoji: "💾",
    describe: ({ filename }) => `Saving ${filename}`,
    run: async ({ filename, content }, run) => {
      const bytes = new TextEncoder().encode(content);
      const { size } = await files.save(userKeyOf(run), filename, bytes);
      return `"${filename}" (${byteSize(size)}) was saved.`;
    },
  });
}

/** Deletes one of the user's files. */
export function deleteFile(files: Pick<UserFiles, "remove">): Tool {
  return defineTool({
    name: "delete_file",
    description: "Deletes one of the current user's saved files. This cannot be undone.",
    input: z.object({ filename }),
    risk: "write",
    emoji: "🗑️",
    describe: ({ filename }) => `Deleting ${filename}`,
    run: async ({ filename }, run) => {
      await files.remove(userKeyOf(run), filename);
      return `"${filename}" was deleted.`;
    },
  });
}

/** Options of {@linkcode sendFile}. */
export interface SendFileOptions {
  /** Largest file to send, bytes. Default: 8 MiB, which chat platforms accept. */
  readonly maxBytes?: number;
}

/** Attaches one of the user's files to the reply. */
export function sendFile(
  files: Pick<UserFiles, "read">,
  { maxBytes = 8 * 1024 * 1024 }: SendFileOptions = {},
): Tool {
  return defineTool({
    name: "send_file",
    description: "Attaches one of the current user's saved files to your reply.",
    input: z.object({ filename }),
    risk: "read",
    emoji: "📎",
    describe: ({ filename }) => `Attaching ${filename}`,
    run: async ({ filename }, run) => {
      const bytes = await files.read(userKeyOf(run), filename);
      const size = byteSize(bytes.length);
      if (bytes.length > maxBytes) {
        throw new Error(
          `Cannot send "${filename}": it has ${size}; the limit is ${byteSize(maxBytes)}`,
        );
      }
      run.sendFile({
        filename,
        base64: Buffer.from(bytes).toString("base64"),
        mediaType: mediaTypeOf(filename) ?? "application/octet-stream",
      });
      return `"${filename}" (${size}) will be sent with your reply.`;
    },
  });
}

const mediaTypes: Readonly<Record<string, string>> = {
  csv: "text/csv",
  css: "text/css",
  gif: "image/gif",
  html: "text/html",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  js: "text/javascript",
  json: "application/json",
  md: "text/markdown",
  mp3: "audio/mpeg",
  pdf: "application/pdf",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain",
  webp: "image/webp",
  xml: "application/xml",
  yaml: "application/yaml",
  yml: "application/yaml",
  zip: "application/zip",
};

/** The media type of a file, by its extension; undefined if unknown. */
function mediaTypeOf(filename: string): string | undefined {
  const extension = filename.slice(filename.lastIndexOf(".") + 1).toLowerCase();
  return Object.hasOwn(mediaTypes, extension) ? mediaTypes[extension] : undefined;
}
