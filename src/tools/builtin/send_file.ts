/** The tool `send_file`. */

import { Buffer } from "node:buffer";
import * as z from "zod";
import { byteSize } from "../../lib/bytes.ts";
import { mediaTypeOf } from "../files/media_type.ts";
import type { UserFiles } from "../files/user_files.ts";
import { defineTool, type Tool } from "../tool.ts";
import { userKeyOf } from "./user_key.ts";

/** What {@linkcode sendFile} may be given. */
export interface SendFileOptions {
  /** Largest file that is sent, bytes. Default: 8 MiB, which chat platforms take. */
  readonly maxBytes?: number;
}

/** Sends a file that is kept for the user who speaks. */
export function sendFile(
  files: Pick<UserFiles, "read">,
  { maxBytes = 8 * 1024 * 1024 }: SendFileOptions = {},
): Tool {
  return defineTool({
    name: "send_file",
    description: "Sends a file that is kept for the user who speaks along with your reply.",
    input: z.object({ filename: z.string().min(1).max(255) }),
    risk: "read",
    emoji: "📎",
    describe: ({ filename }) => `Attaching ${filename}`,
    run: async ({ filename }, run) => {
      const bytes = await files.read(userKeyOf(run), filename);
      const size = byteSize(bytes.length);
      if (bytes.length > maxBytes) {
        throw new Error(
          `Cannot send "${filename}": it has ${size}, and ${byteSize(maxBytes)} are allowed`,
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
