/** The tool `create_file`. */

import { Buffer } from "node:buffer";
import * as z from "zod";
import { mediaTypeOf } from "../files/media_type.ts";
import { defineTool, type Tool } from "../tool.ts";

/** Makes a text file that goes out with the reply. Nothing is written to the gateway's disk. */
export function createFile(): Tool {
  return defineTool({
    name: "create_file",
    description: "Makes a text file (code, notes, CSV, …) and sends it along with your reply.",
    input: z.object({
      filename: z.string().min(1).max(255)
        // A refinement, not a pattern: some servers cannot read patterns in a schema.
        .refine((name) => /^(?!\.{1,2}$)[^/\\\p{Cc}]+$/u.test(name), "a name without a folder"),
      content: z.string().describe("The whole text of the file"),
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
