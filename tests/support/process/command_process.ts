/** Runs one command of the program as a separate process. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const binary = Deno.env.get("CLARA_TEST_BINARY");

/** The program and its first arguments: from source, or the compiled one in CLARA_TEST_BINARY. */
export const program: readonly string[] = binary ? [binary] : [
  Deno.execPath(),
  ...["run", "--allow-all", "--no-prompt", "--config", join(root, "deno.json")],
  join(root, "main.ts"),
];

/** Options of a command. */
export interface CommandOptions {
  readonly cwd: string;
  /** The gateway to connect to. Default: none; nothing listens at the default address. */
  readonly url?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Exit code and output of a command. */
export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `clara-gateway` with these arguments; trims its output. */
export async function runCommand(
  words: readonly string[],
  { cwd, url = "", env = {} }: CommandOptions,
): Promise<CommandResult> {
  const command = new Deno.Command(program[0]!, {
    args: [...program.slice(1), ...words],
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
