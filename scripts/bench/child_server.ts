/** A server in its own process, as the gateway is: it prints its port on its first line. */

import { fileURLToPath } from "node:url";

export class ChildServer implements AsyncDisposable {
  readonly port: number;
  readonly #child: Deno.ChildProcess;

  /** Starts a file of this folder; resolves when it has printed its port. */
  static async start(file: string): Promise<ChildServer> {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-net", fileURLToPath(new URL(file, import.meta.url))],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    const port = Number(new TextDecoder().decode(value));
    await reader.cancel();
    if (!(port > 0)) throw new Error(`${file} did not say its port`);
    return new ChildServer(child, port);
  }

  private constructor(child: Deno.ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
  }
}
