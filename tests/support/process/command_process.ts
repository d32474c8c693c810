/** A command of the program, run as people run it: as a process, to its end. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Where and with what a command runs. */
export interface CommandOptions {
  readonly cwd: string;
  /** A gateway that must be there. Default: none, and nothing listens where one would. */
  readonly url?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** How a command ended, and what it wrote, without the white space around it. */
export interface EndedCommand {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `clara-gateway` with these words. */
export async function runCommand(
  words: readonly string[],
  { cwd, url = "", env = {} }: CommandOptions,
): Promise<EndedCommand> {
  const program = ["run", "--allow-all", "--no-prompt", "--config", join(root, "deno.json")];
  const command = new Deno.Command(Deno.execPath(), {
    args: [...program, join(root, "main.ts"), ...words],
    cwd,
    env: {
      NO_COLOR: "1",
      CLARA_GATEWAY_SECRET: "",
      CLARA_GATEWAY_PORT: "9",
      CLARA_GATEWAY_URL: url,
      ...env,
    },
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { code, out: text(stdout), err: text(stderr) };
}
