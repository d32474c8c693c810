/** A disk of a few megabytes that a test can fill. Mounting requires root. */

import { TempFolder } from "./temp_folder.ts";

async function run(command: string, ...args: readonly string[]): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(command, {
      args: [...args],
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false;
  }
}

/** Whether this machine allows mounting. */
export async function canMount(): Promise<boolean> {
  await using folder = new TempFolder("clara_mount_");
  const can = Deno.build.os === "linux" && await run("mount", "-t", "tmpfs", "none", folder.path);
  if (can) await run("umount", folder.path);
  else console.log("A small disk cannot be mounted here (that takes root): its tests are skipped");
  return can;
}

export class Tmpfs implements AsyncDisposable {
  readonly path: string;
  readonly #folder: TempFolder;

  /** Mounts an empty disk of this size. */
  static async mount({ bytes }: { readonly bytes: number }): Promise<Tmpfs> {
    const disk = new Tmpfs(new TempFolder("clara_disk_"));
    if (await run("mount", "-t", "tmpfs", "-o", `size=${bytes}`, "none", disk.path)) return disk;
    await disk.#folder[Symbol.asyncDispose]();
    throw new Error("Cannot mount a tmpfs: ask canMount() first");
  }

  private constructor(folder: TempFolder) {
    this.#folder = folder;
    this.path = folder.path;
  }

  /** Makes the disk read-only or writable; returns false if a file open for writing prevents it. */
  remount(how: "ro" | "rw"): Promise<boolean> {
    return run("mount", "-o", `remount,${how}`, this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Lazily: a killed gateway may still hold it for a moment.
    await run("umount", "-l", this.path);
    await this.#folder[Symbol.asyncDispose]();
  }
}
