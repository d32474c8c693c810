/** How runs of hooks and tasks are shown in the terminal. Used by `hooks` and `tasks`. */

import type { AdminAnswer } from "./admin_client.ts";

/** One run, in one line and what it printed below. */
export function runLines(run: AdminAnswer): string {
  const head = [
    run.started_at,
    run.name,
    run.trigger && `for ${run.trigger}`,
    run.running ? "still runs" : run.ok ? "ok" : `FAILED: ${run.error}`,
    run.exit_code === null || run.exit_code === undefined
      ? undefined
      : `exit code ${run.exit_code}`,
    run.running ? undefined : `${run.duration_ms} ms`,
  ].filter(Boolean).join("  ");
  const output = String(run.output ?? "").trimEnd();
  if (output === "") return plainLines(head);
  return plainLines(`${head}\n${output.split("\n").map((line) => `    ${line}`).join("\n")}`);
}

/** Lines in columns, the first row underlined by nothing but its place. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) =>
    Math.max(...rows.map((row) => [...row[column] ?? ""].length))
  );
  return rows.map((row) =>
    plainLines(row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd())
  ).join("\n");
}

/** Without what would steer the terminal: output may come from anywhere. */
export function plainLines(text: string): string {
  return text.replace(
    /[\p{Cc}]/gu,
    (character) => character === "\n" || character === "\t" ? character : "�",
  );
}
