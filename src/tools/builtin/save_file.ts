/** The tool `save_file`. */

import * as z from "zod";
import { byteSize } from "../../lib/bytes.ts";
import type { UserFiles } from "../files/user_files.ts";
import { defineTool, type Tool } from "../tool.ts";
import { userKeyOf } from "./user_key.ts";

/** Keeps a text file for the user who speaks. */
export function saveFile(files: Pick<UserFiles, "save">): Tool {
  return defineTool({
    name: "save_file",
    description: "Keeps a text file for the user who speaks, for later conversations. A file of " +
      "the same name is replaced. It is not sent; send_file does that.",
    input: z.object({
      filename: z.string().min(1).max(255).describe("A name without a folder"),
      content: z.string().describe("The whole text of the file"),
    }),
    risk: "write",
    emoji: "💾",
    describe: ({ filename }) => `Saving ${filename}`,
    run: async ({ filename, content }, run) => {
      const bytes = new TextEncoder().encode(content);
      const { size } = await files.save(userKeyOf(run), filename, bytes);
      return `"${filename}" (${byteSize(size)}) is saved.`;
    },
  });
}
