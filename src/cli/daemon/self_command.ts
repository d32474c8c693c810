/** How this program was started, for commands that start it once more. Used by `start`. */

import { fileURLToPath } from "node:url";

/** The program and the words before its own arguments, as the compiled program or under Deno. */
export function selfCommand(): readonly string[] {
  const program = Deno.execPath();
  if (Deno.build.standalone) return [program];
  return [program, ...(wordsOfDeno() ?? assumedWords()), Deno.mainModule];
}

/** What stood between `deno` and the module: the permissions, the configuration. Linux tells it. */
function wordsOfDeno(): readonly string[] | undefined {
  try {
    const words = Deno.readTextFileSync("/proc/self/cmdline").split("\0").slice(0, -1);
    const own = words.slice(words.length - Deno.args.length);
    if (own.some((word, index) => word !== Deno.args[index])) return undefined;
    // The first is Deno, the last the module, named from where this process was started.
    return words.slice(1, words.length - Deno.args.length - 1);
  } catch {
    return undefined;
  }
}

const permissions = ["read", "write", "net", "env", "run", "sys", "ffi", "import"] as const;

/** The permissions that this process has without a limit, and the configuration beside the module. */
function assumedWords(): readonly string[] {
  const granted = permissions.filter((name) =>
    Deno.permissions.querySync({ name } as Deno.PermissionDescriptor).state === "granted"
  );
  const allowed = granted.length === permissions.length
    ? ["--allow-all"]
    : granted.map((name) => `--allow-${name}`);
  const config = fileURLToPath(new URL("deno.json", Deno.mainModule));
  return ["run", "--no-prompt", ...allowed, "--config", config];
}
