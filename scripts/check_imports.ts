/**
 * Checks the import rules, as part of `deno task ok`: files import only from their own folder and lower
 * ones, there are no cycles and no loose files in `src`, zod is imported as a namespace (so that the
 * bundler drops what is unused), and the command line loads no package before it knows the command.
 */

/** The folders of `src`, lowest first: a file may import only from its own folder and lower ones. */
const order = [
  "lib",
  "logging",
  "domain",
  "platform",
  "protocol",
  "config",
  "access",
  "store",
  "llm",
  "tools",
  "memory",
  "summaries",
  "sessions",
  "queue",
  "delivery",
  "context",
  "turn",
  "automation",
  "server",
  "http",
  "app",
  "cli",
  "main",
] as const;

const level = new Map<string, number>(order.map((folder, index) => [folder, index]));
const importPattern = /(?:^|\s)(?:import|export)\b[^;]*?from\s+"(\.[^"]+)"|import\(\s*"(\.[^"]+)"/g;

/** The folder under `src` that a file is in; `main` for the entry point. */
function folderOf(path: string): string {
  const [first] = path.replace(/^src\//, "").split("/");
  return first!.replace(/\.ts$/, "");
}

async function* sourceFiles(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sourceFiles(path);
    else if (entry.name.endsWith(".ts")) yield path;
  }
}

async function importsOf(path: string): Promise<readonly string[]> {
  const text = await Deno.readTextFile(path);
  const base = new URL(path, "file:///");
  return [...text.matchAll(importPattern)]
    .map((match) => new URL((match[1] ?? match[2])!, base).pathname.slice(1))
    .filter((target) => target.endsWith(".ts"));
}

const graph = new Map<string, readonly string[]>();
for await (const path of sourceFiles("src")) graph.set(path, await importsOf(path));
graph.set("main.ts", await importsOf("main.ts"));

const problems: string[] = [];
for (const [path, targets] of graph) {
  const from = folderOf(path);
  if (/import (?:type )?\{[^}]*\bz\b[^}]*\} from "zod"/.test(await Deno.readTextFile(path))) {
    problems.push(`${path}: write import * as z from "zod"; named imports bundle all of zod`);
  }
  if (path.split("/").length === 2) problems.push(`${path}: loose file, move it into a folder`);
  else if (!level.has(from)) problems.push(`${path}: folder "${from}" is missing from the order`);
  for (const target of targets) {
    const to = folderOf(target);
    if (from === to) continue;
    if (level.get(to)! >= level.get(from)!) {
      problems.push(`${path}: imports ${target}, which is in a higher folder`);
    }
  }
}

const done = new Set<string>();
function findCycle(path: string, trail: readonly string[]): void {
  if (trail.includes(path)) {
    problems.push(`import cycle: ${[...trail.slice(trail.indexOf(path)), path].join(" → ")}`);
    return;
  }
  if (done.has(path)) return;
  for (const target of graph.get(path) ?? []) findCycle(target, [...trail, path]);
  done.add(path);
}
for (const path of graph.keys()) findCycle(path, []);

/** Finds the packages that a file imports statically, directly or through other files. */
async function findPackages(path: string, trail: readonly string[]): Promise<void> {
  if (trail.includes(path)) return;
  const text = await Deno.readTextFile(path);
  const imports = text.matchAll(/(?:^|\s)(?:import|export)\s+(?!type\b)[^;]*?from\s+"([^"]+)"/g);
  for (const [, target = ""] of imports) {
    if (target.startsWith(".")) {
      const file = new URL(target, new URL(path, "file:///")).pathname.slice(1);
      if (file.endsWith(".ts")) await findPackages(file, [...trail, path]);
    } else if (!target.startsWith("node:")) {
      problems.push(
        `${[...trail, path].join(" → ")}: imports ${target} for every command; import it lazily`,
      );
    }
  }
}
await findPackages("main.ts", []);

if (problems.length > 0) {
  console.error(problems.join("\n"));
  Deno.exit(1);
}
console.log(`${graph.size} files, no import cycles`);
