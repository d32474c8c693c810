/** The command `doctor`. */
import type { Flags } from "../config.ts";
export function doctor(_flags: Flags): Promise<number> {
  return Promise.resolve(0);
}
