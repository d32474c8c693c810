/**
 * A hooks folder with plugins in it, and an ear for what they tell: a plugin calls
 * `globalThis[import.meta.dirname](…)`. Tests of plugins and of the admin interface start gateways
 * with it.
 */

import { join } from "node:path";
import { Recording } from "./load/recording.ts";
import { TempFolder } from "./process/temp_folder.ts";

/** A temporary folder with these files, by their names. */
export class PluginFolder extends TempFolder {
  /** What plugins told, in order; those of a gateway in the test's own process only. */
  readonly told = new Recording<unknown>();

  constructor(files: Readonly<Record<string, string>> = {}) {
    super("clara_plugins_");
    for (const [name, text] of Object.entries(files)) this.write(name, text);
    Reflect.set(globalThis, this.path, (what: unknown) => this.told.add(what));
  }

  /** What a gateway's configuration needs to know of it. */
  get config(): { readonly hooksDir: string; readonly schedulerDir: string } {
    return { hooksDir: this.path, schedulerDir: this.path };
  }

  /** The same for a gateway in a process of its own. */
  get env(): Readonly<Record<string, string>> {
    return { CLARA_HOOKS_DIR: this.path, CLARA_SCHEDULER_DIR: this.path };
  }

  /** Writes a file. */
  write(name: string, text: string): void {
    Deno.writeTextFileSync(join(this.path, name), text);
  }

  /** The path of a file in it. */
  file(name: string): string {
    return join(this.path, name);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    Reflect.deleteProperty(globalThis, this.path);
    await super[Symbol.asyncDispose]();
  }
}
