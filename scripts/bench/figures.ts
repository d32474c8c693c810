/** Statistics of measured values, and their format. */

/** The value at this quantile (0 to 1), or NaN if there are none. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
}

/** A count: an integer with thousands separators. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** Milliseconds with sensible precision. */
export function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ms`;
}

/** A fraction as a percentage. */
export function percent(part: number, whole: number): string {
  return `${(100 * part / whole).toFixed(0)} %`;
}

/** A table of the report. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What readers need to know to interpret it. */
  readonly note?: string;
}

/** The table as Markdown with aligned columns. */
export function toMarkdown({ title, head, rows, note }: Table): string {
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]!.length))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  const table = [line(head), rule, ...rows.map(line)].join("\n");
  return `### ${title}\n\n${table}\n${note ? `\n${note}\n` : ""}`;
}
