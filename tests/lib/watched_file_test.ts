import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError } from "../../src/lib/config_error.ts";
import { logger } from "../../src/logging/log.ts";
import { WatchedFile } from "../../src/lib/watched_file.ts";
import { within } from "../support/deadline.ts";
import { AwaitableList } from "../support/awaitable_list.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

/** A watched file in its own folder, and the texts applied so far. Texts that contain "wrong" are rejected. */
class WatchedFixture implements AsyncDisposable {
  readonly folder = new TempFolder("clara_live_");
  readonly path: string;
  readonly applied = new AwaitableList<string | undefined>();
  readonly rejected = new AwaitableList<string>();
  readonly file: WatchedFile;
  /** If set, `apply` throws it for any text. */
  problem?: Error;

  constructor(name = "hooks.yaml") {
    this.path = join(this.folder.path, name);
    this.file = new WatchedFile({
      log: logger("watched_file"),
      path: this.path,
      settleMs: 20,
      pollMs: 50,
      apply: (text) => {
        const problem = this.problem ??
          (text?.includes("wrong") ? new ConfigError(`Cannot use ${text}`) : undefined);
        if (problem) {
          this.rejected.add(problem.message);
          return Promise.reject(problem);
        }
        this.applied.add(text);
        return Promise.resolve();
      },
    });
  }

  /** The text that was applied last. */
  get active(): string | undefined {
    return this.applied.items.at(-1);
  }

  write(text: string): void {
    Deno.writeTextFileSync(this.path, text);
  }

  /** Resolves when this text is active. */
  async becomes(text: string | undefined): Promise<void> {
    if (this.active === text && this.applied.items.length > 0) return;
    const from = this.applied.items.length;
    await this.applied.waitFor((applied) => applied === text, {
      from,
      what: `${text} to be active`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }
}

async function watched(text?: string): Promise<WatchedFixture> {
  const fixture = new WatchedFixture();
  if (text !== undefined) fixture.write(text);
  await fixture.file.load();
  fixture.file.watch();
  return fixture;
}

Deno.test("a file is read at the start; a missing one counts as undefined", async () => {
  await using fixture = new WatchedFixture();
  await fixture.file.load();
  assert.deepEqual(fixture.applied.items, [undefined]);
  fixture.write("one");
  assert.equal(await fixture.file.reload(), undefined);
  assert.deepEqual(fixture.applied.items, [undefined, "one"]);
});

Deno.test("an invalid file at the start is an error", async () => {
  await using fixture = new WatchedFixture();
  fixture.write("wrong");
  await assert.rejects(fixture.file.load(), ConfigError);
});

Deno.test("changes are applied, whether written in place or renamed into place", async () => {
  await using fixture = await watched("one");
  fixture.write("two");
  await fixture.becomes("two");
  const draft = join(fixture.folder.path, ".hooks.yaml.swp");
  Deno.writeTextFileSync(draft, "three");
  Deno.renameSync(draft, fixture.path);
  await fixture.becomes("three");
  fixture.write("four");
  await fixture.becomes("four");
});

Deno.test("an invalid text leaves the last valid one active until it is fixed", async () => {
  await using fixture = await watched("one");
  fixture.write("wrong 1");
  await fixture.rejected.waitFor((message) => message.includes("wrong 1"));
  assert.equal(fixture.active, "one");
  fixture.write("wrong 2");
  await fixture.rejected.waitFor((message) => message.includes("wrong 2"));
  fixture.write("two");
  await fixture.becomes("two");
  fixture.write("wrong 3");
  await fixture.rejected.waitFor((message) => message.includes("wrong 3"));
  // Back to the text that is active already.
  fixture.write("two");
  await fixture.applied.waitFor((_, at) => at === 2);
  assert.deepEqual(fixture.applied.items, ["one", "two", "two"]);
  assert.equal(await fixture.file.reload(), undefined);
});

Deno.test("a deleted file counts as undefined, and is read when it is restored", async () => {
  await using fixture = await watched("one");
  Deno.removeSync(fixture.path);
  await fixture.becomes(undefined);
  fixture.write("two");
  await fixture.becomes("two");
});

Deno.test("a folder that is created later, or deleted and created again, is noticed", async () => {
  await using fixture = new WatchedFixture("hooks/hooks.yaml");
  const folder = join(fixture.folder.path, "hooks");
  await fixture.file.load();
  fixture.file.watch();
  Deno.mkdirSync(folder);
  fixture.write("one");
  await fixture.becomes("one");
  fixture.write("two");
  await fixture.becomes("two");
  Deno.removeSync(folder, { recursive: true });
  await fixture.becomes(undefined);
  Deno.mkdirSync(folder);
  fixture.write("three");
  await fixture.becomes("three");
});

Deno.test("a file can be disposed of while its folder is missing", async () => {
  await using fixture = new WatchedFixture("hooks/hooks.yaml");
  const folder = join(fixture.folder.path, "hooks");
  Deno.mkdirSync(folder);
  fixture.write("one");
  await fixture.file.load();
  fixture.file.watch();
  Deno.removeSync(folder, { recursive: true });
  await fixture.becomes(undefined);
});

Deno.test("a folder that replaces the first one is watched instead", async () => {
  await using fixture = new WatchedFixture("hooks/hooks.yaml");
  const folder = join(fixture.folder.path, "hooks");
  Deno.mkdirSync(folder);
  fixture.write("one");
  await fixture.file.load();
  fixture.file.watch();
  fixture.write("two");
  await fixture.becomes("two");
  Deno.mkdirSync(`${folder}.new`);
  Deno.writeTextFileSync(join(`${folder}.new`, "hooks.yaml"), "three");
  Deno.renameSync(folder, `${folder}.old`);
  Deno.renameSync(`${folder}.new`, folder);
  await fixture.becomes("three");
  Deno.writeTextFileSync(join(`${folder}.old`, "hooks.yaml"), "in the old folder");
  fixture.write("four");
  await fixture.becomes("four");
  assert.ok(!fixture.applied.items.includes("in the old folder"));
});

Deno.test("a change from before the watch started is applied", async () => {
  await using fixture = new WatchedFixture();
  fixture.write("one");
  await fixture.file.load();
  fixture.write("two");
  fixture.file.watch();
  await fixture.becomes("two");
});

Deno.test("the same text is applied once", async () => {
  await using fixture = await watched("one");
  fixture.write("one");
  Deno.utimeSync(fixture.path, new Date(), new Date());
  Deno.writeTextFileSync(join(fixture.folder.path, "other.yaml"), "x");
  await fixture.file.reload();
  fixture.write("two");
  await fixture.becomes("two");
  assert.deepEqual(fixture.applied.items, ["one", "two"]);
});

Deno.test("every reload reports what is wrong", async () => {
  await using fixture = new WatchedFixture();
  fixture.write("one");
  await fixture.file.load();
  fixture.write("wrong");
  assert.equal(await fixture.file.reload(), "Cannot use wrong");
  assert.equal(await fixture.file.reload(), "Cannot use wrong");
  assert.equal(fixture.active, "one");
});

Deno.test("a text that could not be applied for another reason is retried", async () => {
  await using fixture = new WatchedFixture();
  fixture.write("one");
  await fixture.file.load();
  fixture.problem = new Error("the store does not answer");
  fixture.write("two");
  assert.equal(await fixture.file.reload(), "the store does not answer");
  fixture.problem = undefined;
  assert.equal(await fixture.file.reload(), undefined);
  assert.equal(fixture.active, "two");
});

Deno.test("an unreadable file changes nothing until it can be read again", async () => {
  await using fixture = new WatchedFixture();
  fixture.write("one");
  await fixture.file.load();
  Deno.removeSync(fixture.path);
  Deno.mkdirSync(fixture.path);
  assert.match((await fixture.file.reload())!, /^Cannot read .*hooks\.yaml: /);
  assert.equal(fixture.active, "one");
  Deno.removeSync(fixture.path);
  fixture.write("one");
  assert.equal(await fixture.file.reload(), undefined);
  assert.equal(fixture.active, "one");
});

Deno.test("nothing is read after disposal", async () => {
  const fixture = await watched("one");
  fixture.write("two");
  await within(fixture.file[Symbol.asyncDispose](), { what: "the watch to stop" });
  const applied = [...fixture.applied.items];
  fixture.write("three");
  await fixture.file.reload();
  assert.deepEqual(fixture.applied.items, applied);
  await fixture[Symbol.asyncDispose]();
});
