/** Parses the table of the fault suite in README.md, for its test and the test runner. */

/** A test that covers a part of a fault. */
export interface FaultRow {
  readonly fault: number;
  readonly path: string;
  /** The test's name; its parts occur in the file in this order. */
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

/** What the suite runs: its folder and the other files of the table. */
export const faultPaths: readonly string[] = [
  "tests/faults/",
  ...new Set(faultRows.map(({ path }) => path).filter((path) => !path.startsWith("tests/faults/"))),
];
