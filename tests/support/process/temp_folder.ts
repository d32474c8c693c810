/** A folder of a test's own, gone with the test. The store's tests and gateway processes use it. */

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
