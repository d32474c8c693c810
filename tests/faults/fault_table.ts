/** The table of the fault suite in README.md, read. Used by its own test and by `deno task test:faults`. */

/** A test that shows a part of a fault. */
export interface FaultRow {
  readonly fault: number;
  readonly path: string;
  /** The test's name; its parts stand in the file in this order. */
  readonly parts: readonly string[];
}

export const faultRows: readonly FaultRow[] = Deno.readTextFileSync(
  new URL("README.md", import.meta.url),
)
  .split("\n")
  .map((line) => /^\| (\d+) +\| (\S+) +\| (.*?) +\|$/.exec(line))
  .filter((found) => found !== null)
  .map(([, fault, path, name]) => ({
    fault: Number(fault),
    path: path!,
    parts: name!.split("…").map((part) => part.trim()).filter(Boolean),
  }));

/** What the suite runs: its own folder, and the other files that the table names. */
export const faultPaths: readonly string[] = [
  "tests/faults/",
  ...new Set(faultRows.map(({ path }) => path).filter((path) => !path.startsWith("tests/faults/"))),
];
