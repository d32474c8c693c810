/** A folder of a test's own, gone with the test. The store's tests and gateway processes use it. */

import { within } from "../deadline.ts";

/** Makes an empty folder; disposing of it removes it with all that is in it. */
export class TempFolder implements AsyncDisposable {
  /** The folder's absolute path. */
  readonly path: string;

  constructor(prefix = "clara_test_") {
    // The real path: on some systems the temporary folder is behind a link.
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

/** Resolves to a file's text as soon as it exists and is not empty. */
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
