/**
 * Which programs this machine has. A test that needs one it may lack is ignored there; the test
 * runner lists such tests and how to get the program.
 */

import { delimiter, join } from "node:path";

/** The packages (Debian's names) of programs that tests use beside a POSIX shell and its tools. */
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

/** What was found missing so far, in words for the runner's report. */
export const missing = new Set<string>();

/** Whether the machine lacks one of these programs. Use it as a test's `ignore`. */
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
