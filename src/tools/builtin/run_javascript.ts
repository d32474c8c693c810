/** The tool `run_javascript`. */

import * as z from "zod";
import type { JavaScriptSandbox } from "../sandbox/javascript_sandbox.ts";
import { labelText } from "./label_text.ts";
import { defineTool, type Tool } from "../tool.ts";

/** Runs JavaScript that can compute and nothing else. */
export function runJavascript(sandbox: Pick<JavaScriptSandbox, "run">): Tool {
  return defineTool({
    name: "run_javascript",
    description: "Runs JavaScript to compute something exactly. Gives the value of the last " +
      "expression and what console.log prints. Top-level await and return work. There are no " +
      "files, no network, no packages; time (a few seconds) and memory are limited. " +
      "Await what is asynchronous: what still runs at the end is dropped.",
    input: z.object({ code: z.string().min(1).max(50_000) }),
    risk: "execute",
    emoji: "🧮",
    describe: ({ code }) =>
      `Running JavaScript: ${labelText(code.trim().replace(/\s+/g, " "), 80)}`,
    run: async ({ code }, { signal }) => {
      const { logs, value, error } = await sandbox.run(code, { signal });
      const content = [
        ...error === undefined ? [] : [error],
        ...logs ? [`Printed:\n${logs}`] : [],
        ...value === undefined ? [] : [`Value: ${value}`],
      ].join("\n\n");
      if (error !== undefined) return { content, isError: true };
      return content || "The code ran; it printed nothing and has no value.";
    },
  });
}
