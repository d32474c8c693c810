/** The tool `current_time`. */

import * as z from "zod";
import { defineTool, type Tool } from "../tool.ts";

/** Returns the time in any time zone. */
export function currentTime(now: () => number = Date.now): Tool {
  return defineTool({
    name: "current_time",
    description: "Returns the current date, weekday and time, in a given time zone or UTC.",
    input: z.object({
      timezone: z.string().optional().describe('IANA name such as "Europe/Berlin"; default: UTC'),
    }),
    risk: "read",
    emoji: "🕐",
    describe: ({ timezone }) =>
      timezone ? `Looking up the time in ${timezone}` : "Checking the time",
    run: ({ timezone = "UTC" }) => {
      const date = new Date(now());
      const local = date.toLocaleString("en-GB", {
        timeZone: timezone,
        dateStyle: "full",
        timeStyle: "long",
      });
      return `${local} (${date.toISOString()})`;
    },
  });
}
