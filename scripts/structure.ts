/**
 * Prints the shape of `src`: how many files, how large, how they import each other. Given folders of
 * other checkouts, it prints one column for each, so that a change can be compared with its base:
 *
 *     deno run --allow-read scripts/structure.ts ../before .
 */

import { dirname, join, normalize } from "node:path";

const staticPattern = /(?:^|\s)(?:import|export)\b[^;]*?from\s+"(\.[^"]+)"/g;
/** A file that is loaded by name when needed (a command, an optional part) is an entry, not a split. */
const lazyPattern = /import\(\s*"(\.[^"]+)"/g;

/** The targets that CI enforces; a figure above its limit fails the run. */
const limits: Readonly<Record<string, number>> = {
  "largest file (lines)": 400,
  "most files in a folder": 16,
  "… not counting lazy imports (%)": 30,
  "loose files in src": 0,
  "import cycles": 0,
};

async function* sourceFiles(root: string, folder = "src"): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(join(root, folder))) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* sourceFiles(root, path);
    else if (name.endsWith(".ts")) yield path;
  }
}

/** Counts import cycles: strongly connected groups of more than one file. */
function countCycles(imports: ReadonlyMap<string, readonly string[]>): number {
  const order: string[] = [];
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const target of imports.get(file) ?? []) visit(target);
    order.push(file);
  };
  for (const file of imports.keys()) visit(file);
  const importers = new Map<string, string[]>();
  for (const [file, targets] of imports) {
    for (const target of targets) importers.set(target, [...importers.get(target) ?? [], file]);
  }
  const assigned = new Set<string>();
  let cycles = 0;
  for (const start of order.toReversed()) {
    const group = [start];
    for (const file of group) {
      if (assigned.has(file)) continue;
      assigned.add(file);
      group.push(...(importers.get(file) ?? []).filter((other) => !assigned.has(other)));
    }
    if (new Set(group).size > 1 && group.length > 1 && group[0] !== group[1]) cycles++;
  }
  return cycles;
}

/** The figures of one checkout. */
async function measure(root: string): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  const imports = new Map<string, string[]>();
  const staticImports = new Map<string, string[]>();
  const folders = new Map<string, number>();
  for await (const path of sourceFiles(root)) {
    const text = await Deno.readTextFile(join(root, path));
    sizes.set(path, text.split("\n").length - 1);
    folders.set(dirname(path), (folders.get(dirname(path)) ?? 0) + 1);
    const targetsOf = (pattern: RegExp) =>
      [...text.matchAll(pattern)].map((match) => normalize(join(dirname(path), match[1]!)))
        .filter((target) => target.endsWith(".ts"));
    const eager = targetsOf(staticPattern);
    staticImports.set(path, [...new Set(eager)]);
    imports.set(path, [...new Set([...eager, ...targetsOf(lazyPattern)])]);
  }
  const single = (of: ReadonlyMap<string, readonly string[]>) => {
    const importers = new Map<string, number>();
    for (const target of [...of.values()].flat()) {
      importers.set(target, (importers.get(target) ?? 0) + 1);
    }
    const count = [...sizes.keys()].filter((path) => importers.get(path) === 1).length;
    return Math.round(100 * count / sizes.size);
  };
  const sorted = [...sizes.values()].toSorted((one, other) => one - other);
  return new Map([
    ["files", sizes.size],
    ["lines", sorted.reduce((sum, lines) => sum + lines, 0)],
    ["median file (lines)", sorted[sorted.length >> 1] ?? 0],
    ["largest file (lines)", sorted.at(-1) ?? 0],
    ["files under 50 lines", sorted.filter((lines) => lines < 50).length],
    ["files with a single importer (%)", single(imports)],
    ["… not counting lazy imports (%)", single(staticImports)],
    ["most files in a folder", Math.max(...folders.values())],
    ["loose files in src", folders.get("src") ?? 0],
    ["import cycles", countCycles(imports)],
  ]);
}

const roots = Deno.args.length > 0 ? Deno.args : ["."];
const columns = await Promise.all(roots.map(measure));
const width = Math.max(...roots.map((root) => root.length), 8);
console.log(["".padEnd(34), ...roots.map((root) => root.padStart(width))].join("  "));
for (const name of columns[0]!.keys()) {
  const values = columns.map((column) => String(column.get(name)).padStart(width));
  console.log([name.padEnd(34), ...values].join("  "));
}
const last = columns.at(-1)!;
const missed = Object.entries(limits).filter(([name, limit]) => last.get(name)! > limit);
for (const [name, limit] of missed) console.error(`${name}: ${last.get(name)}, allowed: ${limit}`);
if (missed.length > 0) Deno.exit(1);
