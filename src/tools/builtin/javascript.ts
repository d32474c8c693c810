/** The tool `run_javascript`. */

import * as z from "zod";
import type { JavaScriptSandbox } from "../sandbox/sandbox.ts";
import { defineTool, shorten, type Tool } from "../tool.ts";

/** Runs JavaScript that can compute, but has no access to anything. */
export function runJavascript(sandbox: Pick<JavaScriptSandbox, "run">): Tool {
  return defineTool({
    name: "run_javascript",
    description: "Runs JavaScript to compute something exactly. Returns the value of the last " +
      "expression and the output of console.log. Top-level await and return work. There is no " +
      "access to files, network or packages; time (a few seconds) and memory are limited. " +
      "Await asynchronous work: what is still running at the end is dropped.",
    input: z.object({ code: z.string().min(1).max(50_000) }),
    risk: "execute",
    emoji: "🧮",
    describe: ({ code }) => `Running JavaScript: ${shorten(code.trim().replace(/\s+/g, " "), 80)}`,
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
