/**
 * Builds the executable: bundles the program, so that only the used parts of packages are included, and
 * appends it to Deno's base binary. `deno task compile` builds it for this machine, `deno task release`
 * builds archives for all platforms with checksums, in `dist/`.
 *
 *     deno task compile [--output FILE] [--deno "COMMAND"]
 *     deno task release [--target linux-x64]… [--deno "COMMAND"]
 *
 * `--deno` compiles with another Deno; the one that runs this script always bundles.
 */

import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("../", import.meta.url));
const dist = join(root, "dist");

/** Targets of a release, by the name in their archives. */
const targets: Readonly<Record<string, string>> = {
  "linux-x64": "x86_64-unknown-linux-gnu",
  "linux-arm64": "aarch64-unknown-linux-gnu",
  "macos-x64": "x86_64-apple-darwin",
  "macos-arm64": "aarch64-apple-darwin",
  "windows-x64": "x86_64-pc-windows-msvc",
};

/**
 * The permissions of the program. MCP servers, hooks, plugins, files and addresses are all configured by
 * the operator, so none of these can be narrowed; docs/deploy.md says what they are for. Importing code
 * from the network is not allowed, nor anything that only `--allow-all` grants.
 */
const permissions = ["net", "read", "write", "env", "run", "sys", "ffi"]
  .map((name) => `--allow-${name}`);

const compileFlags = [
  "--quiet",
  "--no-config",
  "--no-check",
  ...permissions,
  "--deny-import",
  "--no-prompt",
  "--unstable-worker-options",
  // Plugins may use packages from a node_modules folder next to them.
  "--node-modules-dir=manual",
  // The cache would be a file with a known name in the shared temporary folder. Any user of the machine
  // could create it first, with code that the program would then run.
  "--no-code-cache",
];

class CompileError extends Error {}

/** Runs a program in a folder. @throws {CompileError} with its output if it fails. */
async function run(command: readonly string[], folder: string): Promise<void> {
  const [program = "", ...args] = command;
  const { success, stdout, stderr } = await new Deno.Command(program, { args, cwd: folder })
    .output();
  if (success) return;
  const output = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  const text = output.split("Stack backtrace:")[0]!.trim();
  throw new CompileError(`Cannot run "${basename(program)} ${args[0]}":\n${text}`);
}

/** The oldest Deno whose `bundle` works: 2.4 fails on JSON files in packages. */
const bundlesFrom = "2.9";

/**
 * Bundles the program; lazy imports stay in separate files. It is not minified: that would save 5 ms of
 * start-up time and 2 % of the size, but make stack traces useless.
 */
async function bundle(folder: string): Promise<string> {
  const { deno } = Deno.version;
  if (deno.localeCompare(bundlesFrom, "en", { numeric: true }) < 0) {
    throw new CompileError(
      `Cannot bundle with Deno ${deno}: run this script with ${bundlesFrom} or newer ` +
        "(--deno names another one to compile with)",
    );
  }
  const flags = ["--quiet", "--code-splitting", "--platform", "deno"];
  await run([Deno.execPath(), "bundle", ...flags, "--outdir", folder, "main.ts"], root);
  return join(folder, "main.js");
}

/** Compiles the bundle. @throws {CompileError} that says what to do if the base binary is missing. */
async function compile(
  entry: string,
  options: { readonly deno: readonly string[]; readonly target?: string; readonly output: string },
): Promise<void> {
  const { deno, target, output } = options;
  await Deno.mkdir(dirname(output), { recursive: true });
  const platform = target ? ["--target", target] : [];
  try {
    const command = [...deno, "compile", ...compileFlags, ...platform, "--output", output, entry];
    // Runs next to the bundle, where there is no node_modules folder that would be included.
    await run(command, dirname(entry));
  } catch (error) {
    const text = (error as Error).message;
    if (!/denort|base binary/i.test(text)) throw error;
    throw new CompileError(
      `Cannot compile for ${target ?? "this platform"}: Deno's base binary (denort) could not be ` +
        "downloaded. Allow access to the host named below, or set DENORT_BIN to a denort " +
        `of exactly the same Deno version and platform.\n${text}`,
    );
  }
}

/** Starts the new program once: with a base binary of another Deno version it would not start. */
async function verifyStart(program: string): Promise<void> {
  try {
    await run([program, "--version"], dirname(program));
  } catch (error) {
    const base = Deno.env.get("DENORT_BIN");
    const advice = base ? ` Does DENORT_BIN="${base}" have exactly the same Deno version?` : "";
    await Deno.remove(program);
    throw new CompileError(`The compiled program does not start.${advice}\n${errorText(error)}`);
  }
}

/** Creates a platform's archive and returns its name. */
async function pack(name: string, folder: string, program: string): Promise<string> {
  const archive = `clara-gateway-${name}.tar.gz`;
  for (const file of ["LICENSE", "README.md", "CHANGELOG.md"]) {
    await Deno.copyFile(join(root, file), join(folder, file));
  }
  const files = [program, "LICENSE", "README.md", "CHANGELOG.md"];
  await run(["tar", "-czf", join(dist, archive), ...files], folder);
  return archive;
}

async function sha256(path: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function release(
  entry: string,
  { deno, names }: { readonly deno: readonly string[]; readonly names: readonly string[] },
): Promise<void> {
  if (Deno.env.get("DENORT_BIN") && names.length > 1) {
    throw new CompileError(
      "Cannot release for several platforms with DENORT_BIN: it is the base binary of one. " +
        "Unset it, or name its platform with --target.",
    );
  }
  await Deno.mkdir(dist, { recursive: true });
  const sums: string[] = [];
  for (const name of names) {
    const folder = await Deno.makeTempDir({ prefix: "clara_release_" });
    try {
      const program = name.startsWith("windows") ? "clara-gateway.exe" : "clara-gateway";
      await compile(entry, { deno, target: targets[name], output: join(folder, program) });
      const archive = await pack(name, folder, program);
      sums.push(`${await sha256(join(dist, archive))}  ${archive}\n`);
      console.log(`${archive}: ${await megabytes(join(dist, archive))}`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
  await Deno.writeTextFile(join(dist, "SHA256SUMS"), sums.join(""));
}

async function megabytes(path: string): Promise<string> {
  return `${((await Deno.stat(path)).size / 1e6).toFixed(1)} MB`;
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: [...Deno.args],
    options: {
      release: { type: "boolean" },
      output: { type: "string" },
      deno: { type: "string" },
      target: { type: "string", multiple: true },
    },
  });
  const deno = values.deno?.split(" ") ?? [Deno.execPath()];
  const names = values.target ?? Object.keys(targets);
  const unknown = names.find((name) => !(name in targets));
  if (unknown) {
    const known = Object.keys(targets).join(", ");
    throw new CompileError(`Cannot compile for "${unknown}": expected one of ${known}`);
  }
  const folder = await Deno.makeTempDir({ prefix: "clara_bundle_" });
  try {
    const entry = await bundle(folder);
    if (values.release) return await release(entry, { deno, names });
    const suffix = Deno.build.os === "windows" ? ".exe" : "";
    const output = values.output ?? join(dist, `clara-gateway${suffix}`);
    await compile(entry, { deno, output });
    await verifyStart(output);
    console.log(`${output}: ${await megabytes(output)}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

try {
  await main();
} catch (error) {
  console.error(errorText(error));
  Deno.exit(1);
}
