/** The tool `read_file`. */

import * as z from "zod";
import { byteSize } from "../../lib/bytes.ts";
import type { UserFiles } from "../files/user_files.ts";
import { defineTool, type Tool } from "../tool.ts";
import { userKeyOf } from "./user_key.ts";

/** Reads a text file that is kept for the user who speaks, in parts. */
export function readFile(files: Pick<UserFiles, "read">): Tool {
  return defineTool({
    name: "read_file",
    description: "Reads a text file that is kept for the user who speaks. A long one comes in " +
      "parts: pass offset to read on.",
    input: z.object({
      filename: z.string().min(1).max(255),
      offset: z.number().int().min(0).default(0).describe("Characters to pass over"),
      limit: z.number().int().min(1).max(40_000).default(20_000).describe("Characters to read"),
    }),
    risk: "read",
    emoji: "📖",
    describe: ({ filename }) => `Reading ${filename}`,
    run: async ({ filename, offset, limit }, run) => {
      const text = toText(filename, await files.read(userKeyOf(run), filename));
      if (text === "") return `"${filename}" is empty.`;
      if (offset >= text.length) {
        throw new Error(`Cannot read on: "${filename}" has only ${text.length} characters`);
      }
      const end = Math.min(offset + limit, text.length);
      const part = text.slice(offset, end);
      if (end === text.length) return part;
      return `${part}\n[${text.length - end} of ${text.length} characters are left; ` +
        `offset ${end} reads on.]`;
    },
  });
}

function toText(filename: string, bytes: Uint8Array): string {
  try {
    if (!bytes.includes(0)) return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    // Not UTF-8: the error below says it.
  }
  throw new Error(
    `Cannot read "${filename}": its ${byteSize(bytes.length)} are no text; send_file can send it`,
  );
}
