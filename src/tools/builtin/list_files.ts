/** The tool `list_files`. */

import { isoTime } from "../../lib/iso_time.ts";
import * as z from "zod";
import { byteSize } from "../../lib/bytes.ts";
import type { UserFiles } from "../files/user_files.ts";
import { defineTool, type Tool } from "../tool.ts";
import { userKeyOf } from "./user_key.ts";

/** Lists the files that are kept for the user who speaks. */
export function listFiles(files: Pick<UserFiles, "list">): Tool {
  return defineTool({
    name: "list_files",
    description: "Lists the files that are kept for the user who speaks, with size and date.",
    input: z.object({}),
    risk: "read",
    emoji: "🗂️",
    describe: () => "Looking at your files",
    run: async (_, run) => {
      const found = await files.list(userKeyOf(run));
      if (found.length === 0) return "No files are kept for this user.";
      const total = byteSize(found.reduce((sum, { size }) => sum + size, 0));
      const lines = found.map(({ name, size, modifiedAt }) =>
        `${name} (${byteSize(size)}, ${isoTime(modifiedAt)})`
      );
      return [...lines, `${found.length === 1 ? "1 file" : `${found.length} files`}, ${total}`]
        .join("\n");
    },
  });
}
