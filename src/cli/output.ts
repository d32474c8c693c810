/** How runs of hooks and tasks are shown in the terminal. Used by `hooks` and `tasks`. */

/** One run, in one line and what it printed below. */
export function runLines(run: Readonly<Record<string, unknown>>): string {
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
  if (output === "") return oneLine(head);
  return `${oneLine(head)}\n${
    output.split("\n").map((line) => plainLines(`    ${line}`)).join("\n")
  }`;
}

/** Lines in columns, the first row underlined by nothing but its place. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) =>
    Math.max(...rows.map((row) => [...row[column] ?? ""].length))
  );
  return rows.map((row) =>
    oneLine(row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd())
  ).join("\n");
}

/** JSON for programs, which does not steer the terminal either. */
export function jsonText(value: unknown): string {
  // It leaves these as they are, and some terminals obey them.
  return JSON.stringify(value, null, 2).replace(
    /[\x7f-\x9f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** What comes from elsewhere, in one line: it cannot forge another one. */
export function oneLine(text: string): string {
  return plainLines(text.replace(/\s*\n\s*/g, " "));
}

/** Without what would steer the terminal: output may come from anywhere. */
export function plainLines(text: string): string {
  return text.replace(
    /[\p{Cc}]/gu,
    (character) => character === "\n" || character === "\t" ? character : "�",
  );
}
