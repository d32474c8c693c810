/** The tool `delete_file`. */

import * as z from "zod";
import type { UserFiles } from "../files/user_files.ts";
import { defineTool, type Tool } from "../tool.ts";
import { userKeyOf } from "./user_key.ts";

/** Deletes a file that is kept for the user who speaks. */
export function deleteFile(files: Pick<UserFiles, "remove">): Tool {
  return defineTool({
    name: "delete_file",
    description: "Deletes a file that is kept for the user who speaks. It cannot be undone.",
    input: z.object({ filename: z.string().min(1).max(255) }),
    risk: "write",
    emoji: "🗑️",
    describe: ({ filename }) => `Deleting ${filename}`,
    run: async ({ filename }, run) => {
      await files.remove(userKeyOf(run), filename);
      return `"${filename}" is deleted.`;
    },
  });
}
