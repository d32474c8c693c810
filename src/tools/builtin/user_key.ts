/** Whose memories and files a tool works on. */

import { platformKey } from "../../domain/keys.ts";
import type { ToolContext } from "../tool.ts";

/** The key of a user over all platforms. */
export function userKeyOf({ platform, userId }: Pick<ToolContext, "platform" | "userId">): string {
  return platformKey(platform, userId);
}
