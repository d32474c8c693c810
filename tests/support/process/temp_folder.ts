/** A temporary folder that is removed with its test. */

import { within } from "../deadline.ts";

/** Creates an empty folder; disposing removes it and its contents. */
export class TempFolder implements AsyncDisposable {
  /** The folder's absolute path. */
  readonly path: string;

  constructor(prefix = "clara_test_") {
    // Resolve links: on some systems the temporary folder is behind one.
    this.path = Deno.realPathSync(Deno.makeTempDirSync({ prefix }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A test may have made it read-only.
    await Deno.chmod(this.path, 0o700).catch(() => {});
    await Deno.remove(this.path, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}

/** Resolves to the text of a file once it exists and is not empty. */
export async function writtenText(path: string): Promise<string> {
  let isLate = false;
  const poll = async () => {
    while (!isLate) {
      const text = await Deno.readTextFile(path).catch(() => "");
      if (text !== "") return text;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return "";
  };
  try {
    return await within(poll(), { what: `text in ${path}` });
  } finally {
    isLate = true;
  }
}
