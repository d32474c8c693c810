/** How commands print: tables, JSON and text from elsewhere that must not control the terminal. */

/** Writes to standard output until everything is written; one system call may take less. */
export function writeOut(text: string | Uint8Array): void {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

/** Formats a run of a hook or task: one line, then its output indented. */
export function formatRun(run: Readonly<Record<string, unknown>>): string {
  const head = [
    run.started_at,
    run.name,
    run.trigger && `for ${run.trigger}`,
    run.running ? "still running" : run.ok ? "ok" : `FAILED: ${run.error}`,
    run.exit_code === null || run.exit_code === undefined
      ? undefined
      : `exit code ${run.exit_code}`,
    run.running ? undefined : `${run.duration_ms} ms`,
  ].filter(Boolean).join("  ");
  const output = String(run.output ?? "").trimEnd();
  if (output === "") return oneLine(head);
  const lines = output.split("\n").map((line) => escapeControls(`    ${line}`));
  return [oneLine(head), ...lines].join("\n");
}

/** Prints runs of hooks or tasks, the latest last; returns the exit code. */
export function printRuns(
  latestFirst: readonly Readonly<Record<string, unknown>>[],
  { kind, json }: { readonly kind: "hook" | "task"; readonly json: boolean },
): number {
  const runs = latestFirst.toReversed();
  if (json) console.log(jsonText(runs));
  else if (runs.length === 0) console.log(`No ${kind} has run yet.`);
  else runs.forEach((run) => console.log(formatRun(run)));
  return 0;
}

/** Options of {@linkcode printRows}. */
export interface PrintRowsOptions<Row> {
  /** Whether to print the rows as JSON. */
  readonly json: boolean;
  /** The text to print if there are no rows. */
  readonly empty: string;
  readonly head: readonly string[];
  readonly cells: (row: Row) => readonly unknown[];
}

/** Prints rows as a table or as JSON; returns the exit code. */
export function printRows<Row>(
  rows: readonly Row[],
  { json, empty, head, cells }: PrintRowsOptions<Row>,
): number {
  if (json) console.log(jsonText(rows));
  else if (rows.length === 0) console.log(empty);
  else console.log(table([head, ...rows.map((row) => cells(row).map(String))]));
  return 0;
}

/** Aligns rows in columns. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) =>
    Math.max(...rows.map((row) => [...row[column] ?? ""].length))
  );
  return rows.map((row) =>
    oneLine(row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd())
  ).join("\n");
}

/** JSON for programs, with C1 control characters escaped: some terminals obey them. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(
    /[\x7f-\x9f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Puts text from elsewhere on one line, so that it cannot forge another line. */
export function oneLine(text: string): string {
  return escapeControls(text.replace(/\s*\n\s*/g, " "));
}

/** Replaces control characters other than newlines and tabs, which could control the terminal. */
export function escapeControls(text: string): string {
  return text.replace(
    /[\p{Cc}]/gu,
    (character) => character === "\n" || character === "\t" ? character : "�",
  );
}
