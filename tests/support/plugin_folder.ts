/**
 * A hooks folder with plugins that can report back: a plugin calls
 * `globalThis[import.meta.dirname](…)`.
 */

import { join } from "node:path";
import { AwaitableList } from "./awaitable_list.ts";
import { TempFolder } from "./process/temp_folder.ts";

/** A temporary folder with these files, by name. */
export class PluginFolder extends TempFolder {
  /** What plugins reported, in order; only for a gateway in the test's process. */
  readonly reports = new AwaitableList<unknown>();

  constructor(files: Readonly<Record<string, string>> = {}) {
    super("clara_plugins_");
    for (const [name, text] of Object.entries(files)) this.write(name, text);
    Reflect.set(globalThis, this.path, (what: unknown) => this.reports.add(what));
  }

  /** The part of a gateway's configuration that points here. */
  get config(): { readonly hooksDir: string; readonly schedulerDir: string } {
    return { hooksDir: this.path, schedulerDir: this.path };
  }

  /** The same as environment variables, for a gateway process. */
  get env(): Readonly<Record<string, string>> {
    return { CLARA_HOOKS_DIR: this.path, CLARA_SCHEDULER_DIR: this.path };
  }

  /** Writes a file. */
  write(name: string, text: string): void {
    Deno.writeTextFileSync(join(this.path, name), text);
  }

  /** The path of a file in the folder. */
  file(name: string): string {
    return join(this.path, name);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    Reflect.deleteProperty(globalThis, this.path);
    await super[Symbol.asyncDispose]();
  }
}
