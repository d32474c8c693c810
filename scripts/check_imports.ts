/**
 * Checks that imports go one way only: a module may import what stands left of it, never what stands
 * right, and no file may import itself by a detour. That zod is imported so that the compiled program
 * gets only what it uses of it, and that the command line needs no package before it knows the command.
 * Run by `deno task ok`.
 */

/** The modules from left to right; those on one line do not know each other. */
const order: readonly (readonly string[])[] = [
  [
    "errors",
    "version",
    "wait",
    "yaml_library",
    "nearest_word",
    "loopback",
    "request_secrets",
    "time_of_day",
    "log_words",
  ],
  ["log_file"],
  ["log", "variables", "name_pattern", "yaml_file"],
  ["events", "live_file", "command", "systemd"],
  ["protocol"],
  ["access"],
  ["config_types"],
  ["store"],
  ["router", "sessions", "memory", "llm", "tools", "hooks", "scheduler", "progress"],
  ["orchestrator", "plugins", "summaries"],
  ["processor"],
  ["server", "admin"],
  ["automation", "engine", "start_checks", "http_side"],
  ["gateway"],
  ["setting"],
  ["limit_settings"],
  ["settings"],
  ["config_values"],
  ["config"],
  ["config_report"],
  ["cli"],
  ["main"],
];

const level = new Map(order.flatMap((modules, index) => modules.map((name) => [name, index])));
const importPattern = /(?:^|\s)(?:import|export)\b[^;]*?from\s+"(\.[^"]+)"|import\(\s*"(\.[^"]+)"/g;

/** The module of a file: the folder under src, or the file's own name at the top. */
function moduleOf(path: string): string {
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
  const from = moduleOf(path);
  if (/import (?:type )?\{[^}]*\bz\b[^}]*\} from "zod"/.test(await Deno.readTextFile(path))) {
    problems.push(`${path}: write import * as z from "zod"; the other way takes in all of zod`);
  }
  if (!level.has(from)) problems.push(`${path}: module "${from}" has no place in the order`);
  for (const target of targets) {
    const to = moduleOf(target);
    if (from === to) continue;
    if (level.get(to)! >= level.get(from)!) {
      problems.push(`${path}: imports ${target}, not left of it`);
    }
  }
}

const done = new Set<string>();
function findCircle(path: string, trail: readonly string[]): void {
  if (trail.includes(path)) {
    problems.push(`circle: ${[...trail.slice(trail.indexOf(path)), path].join(" → ")}`);
    return;
  }
  if (done.has(path)) return;
  for (const target of graph.get(path) ?? []) findCircle(target, [...trail, path]);
  done.add(path);
}
for (const path of graph.keys()) findCircle(path, []);

/** The packages that a file loads at once, by itself or by what it imports; none of those that come lazily. */
async function findPackages(path: string, trail: readonly string[]): Promise<void> {
  if (trail.includes(path)) return;
  const text = await Deno.readTextFile(path);
  const imports = text.matchAll(/(?:^|\s)(?:import|export)\s+(?!type\b)[^;]*?from\s+"([^"]+)"/g);
  for (const [, target = ""] of imports) {
    if (target.startsWith(".")) {
      const file = new URL(target, new URL(path, "file:///")).pathname.slice(1);
      if (file.endsWith(".ts")) await findPackages(file, [...trail, path]);
    } else if (!target.startsWith("node:")) {
      problems.push(`${[...trail, path].join(" → ")}: every command would load ${target}`);
    }
  }
}
await findPackages("main.ts", []);

if (problems.length > 0) {
  console.error(problems.join("\n"));
  Deno.exit(1);
}
console.log(`${graph.size} files import in one direction`);
