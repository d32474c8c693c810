/**
 * Detects programs that tests need. Tests of a missing program are ignored; the test runner lists
 * them and says how to install it.
 */

import { delimiter, join } from "node:path";

/** Debian packages of programs that tests use besides a POSIX shell and its tools. */
export const packages = {
  bash: "bash",
  curl: "curl",
  npx: "npm",
  ps: "procps",
  setsid: "util-linux",
  "systemd-analyze": "systemd",
} as const;

/** A program that tests may need. */
export type Program = keyof typeof packages;

/** What was found missing so far, for the runner's report. */
export const missing = new Set<string>();

/** Whether any of these programs is missing. Use it as a test's `ignore`. */
export function lacks(...programs: readonly Program[]): boolean {
  const absent = programs.filter((program) => !isInstalled(program));
  for (const program of absent) {
    missing.add(`${program} (install the package ${packages[program]})`);
  }
  return absent.length > 0;
}

function isInstalled(program: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(delimiter).some((folder) => {
    try {
      return Deno.statSync(join(folder, program)).isFile;
    } catch {
      return false;
    }
  });
}
