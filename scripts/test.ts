/**
 * Runs the tests: files in parallel, then one by one those that measure time or memory, which say
 * "Runs alone" in a comment. First prints the number of tests and the usual duration; at the end, what
 * was skipped and why.
 *
 * `deno task test [unit | faults] [paths…] [--jobs 4] [--filter text] [--kills 200] [--seed 7]`
 */

import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { faultPaths } from "../tests/faults/fault_table.ts";
import { installNpmServers } from "../tests/support/mcp/everything_server.ts";
import { lacks, missing } from "../tests/support/process/programs.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
/** The last duration of each suite on this machine. */
const timesFile = join(root, "dist", "test", "times.json");
const skippedFolders = ["tests/e2e/", "tests/faults/"];

type SuiteName = "all" | "unit" | "faults";

/** Seconds on two idle cores, for machines that have not run the suite yet. */
const usualSeconds: Readonly<Record<SuiteName, number>> = { all: 190, unit: 30, faults: 110 };

interface Options {
  readonly suite: SuiteName;
  readonly jobs: number;
  /** Only these files or folders. */
  readonly paths: readonly string[];
  /** Passed on to `deno test`. */
  readonly flags: readonly string[];
  /** Passed on to the tests. */
  readonly forTests: readonly string[];
}

interface TestFile {
  readonly path: string;
  readonly text: string;
  /** Whether the file starts processes, itself or through a helper in tests/. */
  readonly startsProcesses: boolean;
  /** Whether it must not run in parallel with others. */
  readonly runsAlone: boolean;
}

/** How many tests there are, and which are ignored. */
interface Census {
  readonly tests: number;
  readonly ignored: readonly { readonly name: string; readonly why: string }[];
}

interface Counts {
  passed: number;
  failed: number;
  ignored: number;
}

function parseArgs(args: readonly string[]): Options {
  const end = args.indexOf("--");
  const own = end < 0 ? [...args] : args.slice(0, end);
  const paths: string[] = [];
  const flags: string[] = [];
  const forTests = end < 0 ? [] : args.slice(end + 1);
  let suite: SuiteName = "all";
  // Most tests wait for processes and sockets half of the time.
  let jobs = Math.min(8, 2 * navigator.hardwareConcurrency);
  for (let index = 0; index < own.length; index++) {
    const arg = own[index]!;
    if (arg === "unit" || arg === "faults") suite = arg;
    else if (arg === "--jobs") jobs = Number(own[++index]);
    else if (arg === "--kills" || arg === "--seed") forTests.push(arg, own[++index] ?? "");
    else if (arg === "--filter") flags.push(arg, own[++index] ?? "");
    else if (arg.startsWith("-")) flags.push(arg);
    else paths.push(relative(root, join(Deno.cwd(), arg)));
  }
  if (!(jobs >= 1)) throw new Error("Cannot run the tests: --jobs must be 1 or more");
  return { suite, jobs, paths, flags, forTests };
}

/** All test files under tests/, in the order of their paths. */
function findTestFiles(): readonly TestFile[] {
  const texts = new Map(
    walk("tests").map((path) => [path, Deno.readTextFileSync(join(root, path))]),
  );
  const spawning = new Map<string, boolean>();
  const spawns = (path: string): boolean => {
    const known = spawning.get(path);
    if (known !== undefined) return known;
    spawning.set(path, false);
    const text = texts.get(path) ?? "";
    const imports = [...text.matchAll(/from "(\.[^"]+)"/g)]
      .map(([, target]) => relative(root, join(root, dirname(path), target!)));
    const found = /new Deno\.Command\(/.test(text) || imports.some(spawns);
    spawning.set(path, found);
    return found;
  };
  return [...texts].filter(([path]) => path.endsWith("_test.ts")).map(([path, text]) => ({
    path,
    text,
    startsProcesses: spawns(path),
    runsAlone: /Runs alone/.test(text),
  })).sort((a, b) => a.path < b.path ? -1 : 1);
}

function walk(folder: string): readonly string[] {
  return [...Deno.readDirSync(join(root, folder))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return walk(path);
    return name.endsWith(".ts") ? [path] : [];
  });
}

function select(files: readonly TestFile[], { suite, paths }: Options): readonly TestFile[] {
  const under = (path: string, chosen: readonly string[]) =>
    chosen.some((one) => path === one || path.startsWith(one.endsWith("/") ? one : `${one}/`));
  return files.filter(({ path, startsProcesses }) => {
    if (paths.length > 0 && !under(path, paths)) return false;
    if (suite === "faults") return under(path, faultPaths);
    return suite === "all" || !startsProcesses && !under(path, skippedFolders);
  });
}

/** Imports the files with a `Deno.test` that only counts. */
async function takeCensus(files: readonly TestFile[]): Promise<Census> {
  const names: string[] = [];
  const ignored: { name: string; why: string }[] = [];
  let tests = 0;
  const count = (first: string | Partial<Deno.TestDefinition>, second?: unknown) => {
    tests++;
    const { name = "", ignore } = typeof first === "string"
      ? { name: first, ...(second as Partial<Deno.TestDefinition>) }
      : first;
    if (ignore) names.push(name);
  };
  const real = Deno.test;
  Reflect.set(Deno, "test", Object.assign(count, { ignore: count, only: count }));
  for (const { path } of files) {
    missing.clear();
    // A file that cannot be imported fails in the run that follows.
    await import(new URL(`../${path}`, import.meta.url).href).catch(() => {});
    const why = missing.size > 0 ? `needs ${[...missing].join(", ")}` : "not on this system";
    for (const name of names.splice(0)) ignored.push({ name, why });
  }
  Reflect.set(Deno, "test", real);
  return { tests, ignored };
}

/** Runs files in one `deno test` and adds its closing line to the counts; returns its exit code. */
async function runFiles(
  files: readonly TestFile[],
  { jobs, flags, forTests, counts }: Options & { readonly counts: Counts },
): Promise<number> {
  if (files.length === 0) return 0;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["test", "--allow-all", "--no-check", ...(jobs > 1 ? ["--parallel"] : []), ...flags],
      ...files.map(({ path }) => path),
      ...(forTests.length > 0 ? ["--", ...forTests] : []),
    ],
    cwd: root,
    env: { DENO_JOBS: String(jobs) },
    stdin: "null",
    stdout: "piped",
  }).spawn();
  let line = "";
  const decoder = new TextDecoder();
  for await (const bytes of child.stdout) {
    for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
    const lines = (line + decoder.decode(bytes, { stream: true })).split("\n");
    line = lines.pop()!;
    for (const text of lines) addClosingLine(text, counts);
  }
  return (await child.status).code;
}

/** Adds the numbers of a line such as "ok | 7 passed | 0 failed | 1 ignored (2s)". */
function addClosingLine(line: string, counts: Counts): void {
  // deno-lint-ignore no-control-regex
  const plain = line.replace(/\x1b\[[0-9;]*m/g, "");
  if (!/^(ok|FAILED) \| \d+ passed/.test(plain)) return;
  for (const name of ["passed", "failed", "ignored"] as const) {
    counts[name] += Number(new RegExp(`(\\d+) ${name}`).exec(plain)?.[1] ?? 0);
  }
}

/** Reads the durations of the last runs; a missing or broken file counts as none. */
function readTimes(): Partial<Record<SuiteName, number>> {
  try {
    return JSON.parse(Deno.readTextFileSync(timesFile));
  } catch {
    return {};
  }
}

function recordTime(suite: SuiteName, seconds: number): void {
  Deno.mkdirSync(dirname(timesFile), { recursive: true });
  Deno.writeTextFileSync(timesFile, JSON.stringify({ ...readTimes(), [suite]: seconds }));
}

function duration(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60
    ? `${whole}s`
    : `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, "0")}s`;
}

async function main(options: Options): Promise<number> {
  const { suite, paths, flags, forTests } = options;
  const startedAt = performance.now();
  const files = select(findTestFiles(), options);
  if (files.length === 0) throw new Error("Cannot run the tests: no test file matches");
  const { tests, ignored } = await takeCensus(files);
  const isWhole = paths.length === 0 && flags.length + forTests.length === 0;
  const last = readTimes()[suite];
  const usual = last
    ? `${duration(last)} the last time`
    : `${duration(usualSeconds[suite])} on two idle cores`;
  console.log(`${tests} tests in ${files.length} files${isWhole ? `; ${usual}` : ""}`);
  const useNpm = files.some(({ text }) => text.includes("everything_server.ts"));
  if (useNpm && !lacks("npx")) {
    // If it fails, the tests that need them fail and say why.
    await installNpmServers().catch(() => {});
  }
  const counts: Counts = { passed: 0, failed: 0, ignored: 0 };
  const codes = [
    await runFiles(files.filter(({ runsAlone }) => !runsAlone), { ...options, counts }),
    await runFiles(files.filter(({ runsAlone }) => runsAlone), { ...options, jobs: 1, counts }),
  ];
  const seconds = (performance.now() - startedAt) / 1000;
  for (const [why, skipped] of Map.groupBy(ignored, ({ why }) => why)) {
    console.log(`Skipped, ${why}:`);
    for (const { name } of skipped) console.log(`  ${name}`);
  }
  const { passed, failed } = counts;
  console.log(
    `${passed} passed, ${failed} failed, ${counts.ignored} skipped in ${duration(seconds)}`,
  );
  const code = codes.find((code) => code !== 0) ?? 0;
  if (code === 0 && isWhole) recordTime(suite, seconds);
  return code;
}

// Ctrl-C reaches the tests as well; exit after them.
Deno.addSignalListener("SIGINT", () => {});
Deno.exit(await main(parseArgs(Deno.args)));
